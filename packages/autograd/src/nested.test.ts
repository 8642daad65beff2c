import { fc, test } from '@fast-check/vitest';
import {
  abs,
  add,
  argMax,
  assign,
  batchNorm,
  dispose,
  greater,
  matmul,
  mean,
  memory,
  mul,
  ones,
  packBits,
  Rng,
  reshape,
  scalar,
  sigmoid,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  tanh,
  tensor,
  tidy,
  toBackend,
  transpose,
  unpackBits,
} from '@mobinet/tensor';
import { tensors } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { customGradient, gradient, noGradient, valueAndGradient } from './differentiate.js';
import { BatchNorm2d } from './layers/batch-norm.js';
import { Linear } from './layers/linear.js';
import { Module } from './module.js';
import { SGD } from './optimizers/sgd.js';
import { flatten } from './tree.js';

const values = ({ values }: Tensor): number[] => [...values];
const cube = (x: Tensor): Tensor => sum(mul(mul(x, x), x));

/** The n-th derivative of Σ f(xᵢ), element by element. */
function derivative(f: (x: Tensor) => Tensor, order: number): (x: Tensor) => Tensor {
  return order === 0 ? f : gradient((x: Tensor) => sum(derivative(f, order - 1)(x)));
}

/** D(x) = w₂·tanh(W₁·x + b₁) */
class Critic extends Module {
  readonly hidden: Linear;
  readonly out: Linear;

  constructor(rng: Rng) {
    super();
    this.hidden = new Linear(2, 4, { rng });
    this.out = new Linear(4, 1, { bias: false, rng });
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => this.out.forward(tanh(this.hidden.forward(x))));
  }
}

describe('higher derivatives', () => {
  test.prop([tensors([3])], { numRuns: 20 })('of x³ are 3x², 6x, 6, 0 and 0', (x) => {
    const expected = [(v: number) => 3 * v * v, (v: number) => 6 * v, () => 6, () => 0, () => 0];
    expected.forEach((at, index) => {
      const found = derivative(cube, index + 1)(x);
      expect(values(found)).toEqual(values(x).map((v) => expect.closeTo(at(v), 3)));
    });
  });

  test('of tanh agree with the textbook to order 3', () => {
    const x = tensor([-1.2, 0, 0.3, 2]);
    const third = values(derivative((x) => sum(tanh(x)), 3)(x));
    const expected = values(x).map((v) => {
      const t = Math.tanh(v);
      return -2 * (1 - t * t) * (1 - 3 * t * t);
    });
    expect(third).toEqual(expected.map((value) => expect.closeTo(value, 5)));
  });

  test('give the product of a Hessian and a vector', () => {
    const [a, v] = [
      tensor([
        [2, 1],
        [5, 3],
      ]),
      tensor([[1], [-2]]),
    ];
    const form = (x: Tensor) => sum(mul(x, matmul(a, x)));
    const product = gradient((x: Tensor) => sum(mul(gradient(form)(x), v)))(tensor([[7], [9]]));
    expect(values(product)).toEqual(values(matmul(add(a, transpose(a)), v)));
  });

  test('may be mixed: with respect to x, then to w', () => {
    const f = (x: Tensor, w: Tensor) => sum(mul(square(x), square(w)));
    const found = gradient((w: Tensor) => sum(gradient(f)(tensor([3, 5]), w)))(tensor([2, -1]));
    expect(values(found)).toEqual([2 * 3 * 2 * 2, 2 * 5 * 2 * -1]);
  });

  test('may use the inner value beside its gradient; in noGradient both are constants', () => {
    const inner = valueAndGradient(cube);
    const both = gradient((x: Tensor) => {
      const { value, gradients } = inner(x);
      return add(value, mul(sum(gradients), 10));
    })(tensor([2]));
    expect(values(both)).toEqual([12 + 120]);
    const constant = gradient((x: Tensor) =>
      sum(
        mul(
          x,
          noGradient(() => gradient(cube)(x)),
        ),
      ),
    )(tensor([2]));
    expect(values(constant)).toEqual([12]);
  });

  test('of a gradient penalty agree with finite differences', () => {
    const rng = Rng.fromSeed(1);
    const critic = new Critic(rng);
    const x = rng.normal([5, 2]);
    const penalty = (critic: Critic) => {
      const slopes = gradient((x: Tensor) => sum(critic.forward(x)))(x);
      return mean(square(sub(sqrt(sum(square(slopes), { axes: 1 })), 1)));
    };
    const claimed = new Map(flatten(gradient(penalty)(critic)));
    for (const [path, { values }] of critic.parameters()) {
      for (const at of values.keys()) {
        const value = values[at];
        const lossAt = (w: number) => {
          values[at] = w;
          return tidy(() => penalty(critic).values[0]);
        };
        const difference = (lossAt(value + 1e-2) - lossAt(value - 1e-2)) / 2e-2;
        values[at] = value;
        expect(claimed.get(path)!.values[at], `${path} ${at}`).toBeCloseTo(difference, 2);
      }
    }
  });

  test('go through a training step, to the weight before it', () => {
    // w′ = w − η·d/dw (w·x − y)²; the derivative of the loss (w′·x − y)² with respect to w.
    const [x, y, rate] = [3, 2, 0.01];
    const loss = (w: Tensor) => square(sub(mul(w, x), y));
    const meta = gradient((w: Tensor) => loss(sub(w, mul(gradient(loss)(w), rate))));
    const w = 0.5;
    const after = w - rate * 2 * x * (w * x - y);
    expect(meta(scalar(w)).values[0]).toBeCloseTo(2 * x * (after * x - y) * (1 - rate * 2 * x * x), 4);
  });

  test('of a line are 0, and so are those with respect to an unused parameter', () => {
    const line = (x: Tensor) => sum(mul(x, 3));
    expect(values(derivative(line, 2)(tensor([1, 2])))).toEqual([0, 0]);
    const parts = gradient(({ a }: { a: Tensor; b: Tensor }) => sum(derivative(cube, 2)(a)))({
      a: tensor([1]),
      b: tensor([2]),
    });
    expect([values(parts.a), values(parts.b)]).toEqual([[6], [0]]);
  });

  test('of powers are finite at 0', () => {
    for (const order of [1, 2, 3, 4]) {
      const found = values(derivative((x) => sum(x.pow(3)), order)(tensor([0, 2])));
      expect(found).toEqual(
        [
          [0, 12],
          [0, 12],
          [6, 6],
          [0, 0],
        ][order - 1],
      );
    }
  });

  test('leave no tensor behind, even if an error is thrown', () => {
    const before = memory();
    const x = tensor([1, 2]);
    dispose(gradient((x: Tensor) => tidy(() => sum(square(gradient((x: Tensor) => tidy(() => cube(x)))(x)))))(x));
    expect(() =>
      gradient((x: Tensor) => {
        gradient(cube)(x);
        throw new Error('planned');
      })(x),
    ).toThrow('planned');
    x.dispose();
    expect(memory()).toEqual(before);
  });

  test('are recorded only where a gradient is taken inside another', () => {
    const made: number[] = [];
    const probe = customGradient('probe', (x: Tensor) => ({
      output: square(x),
      saved: [x],
      gradient: (dy, [x]: readonly Tensor[]) => [
        () => {
          const entry = memory().tensors;
          tidy(() => {
            mul(dy, square(square(x)));
          });
          made.push(memory().tensors - entry);
          return mul(dy, mul(x, 2));
        },
      ],
    }));
    gradient((x: Tensor) => sum(probe(x)))(tensor([1]));
    expect(made).toEqual([0]);
    // Inside another gradient, the ops of the rule are kept until that has been computed.
    gradient((x: Tensor) => sum(gradient((x: Tensor) => sum(probe(x)))(x)))(tensor([1]));
    expect(made[1]).toBeGreaterThan(0);
  });
});

describe('where gradients would silently be 0 or wrong', () => {
  const x = tensor([0.5, 2]);

  test.each<[string, (x: Tensor) => Tensor, string]>([
    ['a constant', () => scalar(3), 'does not depend on any parameter'],
    ['values that were read back', (x) => sum(tensor([...x.values])), 'values that were read back (values, data())'],
    ['noGradient', (x) => noGradient(() => sum(square(x))), 'or in noGradient'],
    ['a comparison', (x) => mean(greater(x, 1)), 'No gradient flows through greater'],
    ['an index', (x) => sum(argMax(x).cast('f32')), 'No gradient flows through argMax'],
    ['signs as bits', (x) => sum(unpackBits(packBits(x))), 'No gradient flows through packBits'],
    ['a cast', (x) => sum(square(x).cast('i32').cast('f32')), 'No gradient flows through cast'],
  ])('a loss that depends only on %s: an error says where the gradient was lost', (_, f, reason) => {
    expect(() => gradient(f)(x)).toThrow(
      expect.objectContaining({ name: 'GradientError', message: expect.stringContaining(reason) }),
    );
  });

  test.each<[string, (x: Tensor) => unknown, string]>([
    ['an integer', (x) => sum(x.cast('i32')), 'not a tensor of i32'],
    ['nothing', () => undefined, 'not undefined'],
    ['a number', (x) => x.values[0], 'not number'],
    ['a promise', async (x) => sum(x), 'await outside'],
    ['several numbers', (x) => square(x), 'a loss must be a single number, but has shape [2]'],
  ])('a function that returns %s is rejected', (_, f, message) => {
    expect(() => gradient(f as (x: Tensor) => Tensor)(x)).toThrow(message);
  });

  test('toBackend keeps the gradient of a tensor that is already there', () => {
    expect(values(gradient((x: Tensor) => sum(square(toBackend(x))))(x))).toEqual([1, 4]);
  });

  test('statistics of a batch have derivatives', () => {
    const x = tensor([[1], [2], [6]]);
    const [gamma, beta] = [ones([1]), ones([1])];
    const found = gradient((x: Tensor) => {
      const { mean, variance } = batchNorm(x, gamma, beta);
      return add(sum(mul(mean, 6)), sum(variance));
    })(x);
    // 6/3 + 2(x − 3)/3.
    expect(values(found)).toEqual([-4 / 3, -2 / 3, 2].map((value) => expect.closeTo(2 + value, 5)));
  });

  test('a custom gradient that saves more than inputs and output has no second derivative', () => {
    const softAbs = customGradient('softAbs', (x: Tensor) => {
      const root = sqrt(add(square(x), 1));
      return { output: root, saved: [x, abs(root)], gradient: (dy, [x, root]) => [() => dy.mul(x.div(root))] };
    });
    expect(values(gradient((x: Tensor) => sum(softAbs(x)))(x))).toEqual([
      expect.closeTo(0.5 / Math.sqrt(1.25), 5),
      expect.closeTo(2 / Math.sqrt(5), 5),
    ]);
    expect(() => derivative((x) => sum(softAbs(x)), 2)(x)).toThrow(
      'there is no gradient rule for a tensor saved by softAbs, but the loss depends on it',
    );
    const exact = customGradient('exact', (x: Tensor) => {
      const output = sqrt(add(square(x), 1));
      return { output, saved: [x, output], gradient: (dy, [x, root]) => [() => dy.mul(x.div(root))] };
    });
    expect(values(derivative((x) => sum(exact(x)), 2)(x))).toEqual([
      expect.closeTo(1.25 ** -1.5, 5),
      expect.closeTo(5 ** -1.5, 5),
    ]);
  });

  test('a rule without a derivative is an error that names the op and the remedy', () => {
    const once = customGradient('once', (x: Tensor) => ({
      output: square(x),
      saved: [x],
      gradient: (dy, [x]) => [() => mul(dy, mul(x, 2))],
      onceDifferentiable: true,
    }));
    expect(values(gradient((x: Tensor) => sum(once(x)))(x))).toEqual([1, 4]);
    expect(() => derivative((x) => sum(once(x)), 2)(x)).toThrow(
      /^the gradient of once cannot be differentiated again\. This gradient was taken inside .* noGradient/,
    );
    // If the inner gradient is not used, this is not an error.
    expect(values(gradient((x: Tensor) => valueAndGradient((x: Tensor) => sum(once(x)))(x).value)(x))).toEqual([1, 4]);
  });

  test('a rule that returns too few gradients, or one of the wrong shape, is an error', () => {
    const few = customGradient('few', (a: Tensor, b: Tensor) => ({
      output: mul(a, b),
      saved: [b],
      gradient: (dy, [b]) => [() => mul(dy, b)],
    }));
    expect(() => gradient(([a, b]: Tensor[]) => sum(few(a, b)))([x, tensor([1, 2])])).toThrow(
      'the gradient rule of few returned 1 gradients for 2 inputs. Return null for an input that has no gradient.',
    );
    const narrow = customGradient('narrow', (x: Tensor) => ({
      output: square(x),
      saved: [],
      gradient: (dy) => [() => sum(dy)],
    }));
    expect(() => gradient((x: Tensor) => sum(narrow(x)))(x)).toThrow(
      /^narrow: the gradient of input 0 has the wrong shape\n {2}input {5}\[2\]\n {2}gradient {2}\[\]/,
    );
  });

  test('a tensor that a rule reads must not be overwritten', () => {
    const w = tensor([3, 4]);
    const f = (x: Tensor) => {
      const y = sum(mul(x, w));
      assign(w, tensor([0, 0]));
      return y;
    };
    w.label = 'w';
    expect(() => gradient(f)(x)).toThrow(
      /^the gradient of mul needs w unchanged, but it was overwritten after the forward pass\./,
    );
  });

  test('a parameter must not be overwritten while its gradient is computed', () => {
    const sgd = new SGD({ learningRate: 0.1 });
    const step = gradient((w: Tensor) => {
      sgd.update(w, gradient(cube)(w));
      return cube(w);
    });
    expect(() => step(tensor([1]))).toThrow(
      /^sgd would overwrite a tensor of shape \[1\] while its gradient is being computed/,
    );
    expect(() =>
      gradient((w: Tensor) => {
        assign(w, tensor([0]));
        return sum(w);
      })(tensor([1])),
    ).toThrow('assign would overwrite');
  });

  test('running statistics may be overwritten, unless a rule still reads them', () => {
    const norm = new BatchNorm2d(1);
    const images = tensor([1, 2, 6, 7], { shape: [4, 1, 1, 1] });
    const loss = (norm: BatchNorm2d) => add(sum(square(norm.forward(images))), sum(norm.forward(images)));
    expect(flatten(gradient(loss)(norm))).toHaveLength(2);
    norm.eval();
    const mixed = (norm: BatchNorm2d) => {
      const before = sum(norm.forward(images));
      norm.train().forward(images);
      return before;
    };
    expect(() => gradient(mixed)(norm)).toThrow('was overwritten after the forward pass');
  });
});

describe('a parameter that its module does not list', () => {
  class Half extends Module {
    readonly out = new Linear(2, 1, { rng: Rng.fromSeed(2) });
    readonly #hidden = new Linear(2, 2, { rng: Rng.fromSeed(3) });

    override forward(x: Tensor): Tensor {
      return this.out.forward(tanh(this.#hidden.forward(x)));
    }
  }
  const x = tensor([[1, 2]]);

  test('is an error in the first step', () => {
    expect(() => valueAndGradient((net: Half) => sum(net.forward(x)))(new Half())).toThrow(
      /^a parameter of shape \[2,2\] is used by matmul, but Half does not list it, so it would not be trained\. Keep it/,
    );
  });

  test('may be used as a further argument, in noGradient, or if the first argument lists tensors', () => {
    const rng = Rng.fromSeed(4);
    const [student, teacher] = [new Linear(2, 1, { rng }), new Linear(2, 1, { rng }).label()];
    const distance = (student: Linear, target: Tensor) => sum(square(sub(student.forward(x), target)));
    const asArgument = gradient((student: Linear, teacher: Linear) => distance(student, teacher.forward(x)));
    const expected = values(asArgument(student, teacher).weight);
    const inNoGradient = gradient((student: Linear) =>
      distance(
        student,
        noGradient(() => teacher.forward(x)),
      ),
    );
    expect(values(inNoGradient(student).weight)).toEqual(expected);
    const captured = gradient((student: Linear) => distance(student, teacher.forward(x)));
    expect(() => captured(student)).toThrow('weight is used by matmul, but Linear does not list it');
    expect(values(gradient((w: Tensor) => sum(add(w, teacher.weight)))(ones([1, 2])))).toEqual([1, 1]);
    // With respect to a part of a network, the rest being constant.
    const net = new Critic(rng);
    const part = gradient((out: Linear, net: Critic) => sum(out.forward(tanh(net.hidden.forward(x)))))(net.out, net);
    expect(flatten(part)).toHaveLength(1);
  });
});

test.prop([fc.integer({ min: 1, max: 3 }), tensors([2])], { numRuns: 10 })(
  'views and functions that use tidy have the same derivatives, of any order',
  (order, x) => {
    const plain = (x: Tensor) => sum(sigmoid(mul(x, x)));
    const viewed = (x: Tensor) => tidy(() => sum(sigmoid(reshape(mul(reshape(x, [2, 1]), x.reshape([2, 1])), [1, 2]))));
    const expected = values(derivative(plain, order)(x)).map((value) => expect.closeTo(value, 4));
    expect(values(derivative(viewed, order)(x))).toEqual(expected);
  },
);
