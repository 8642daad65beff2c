import { test } from '@fast-check/vitest';
import {
  abs,
  add,
  dispose,
  memory,
  mul,
  neg,
  ones,
  Rng,
  relu,
  reshape,
  scalar,
  sign,
  square,
  sub,
  sum,
  type Tensor,
  tensor,
  tidy,
} from '@mobinet/tensor';
import { tensors } from '@mobinet/tensor/testing';
import { beforeEach, describe, expect, expectTypeOf } from 'vitest';
import { customGradient, gradient, noGradient, stopGradient, valueAndGradient } from './differentiate.js';
import { PReLU } from './layers/activations.js';
import { BatchNorm2d } from './layers/batch-norm.js';
import { Conv2d } from './layers/conv2d.js';
import { Linear } from './layers/linear.js';
import { GlobalAveragePool2d, Pool2d } from './layers/pooling.js';
import { crossEntropy } from './losses.js';
import { Module } from './module.js';
import { Adam } from './optimizers/adam.js';
import { mse } from './regression-losses.js';
import { flatten } from './tree.js';

/** One layer of every kind that has a gradient. */
class Net extends Module {
  readonly conv: Conv2d;
  readonly norm = new BatchNorm2d(4);
  readonly activation = new PReLU(4);
  readonly pool = new Pool2d('average');
  readonly grouped: Conv2d;
  readonly spread = new GlobalAveragePool2d();
  readonly classifier: Linear;

  constructor(rng: Rng) {
    super();
    this.conv = new Conv2d(2, 4, { stride: [1, 2], rng: rng.split('conv') });
    this.grouped = new Conv2d(4, 4, { groups: 2, kernel: [1, 2], bias: false, rng: rng.split('grouped') });
    this.classifier = new Linear(4, 3, { rng: rng.split('classifier') });
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => {
      const features = this.pool.forward(this.activation.forward(this.norm.forward(this.conv.forward(x))));
      return this.classifier.forward(this.spread.forward(this.grouped.forward(features)));
    });
  }
}

const values = ({ values }: Tensor): number[] => [...values];

/** Compares every element of every gradient with a central finite difference of the loss. */
function expectFiniteDifferences(net: Module, loss: () => Tensor, gradients: object): void {
  const step = 1e-3;
  const lossAt = () => tidy(() => loss().values[0]);
  const claimed = new Map(flatten(gradients));
  for (const [path, { values }] of net.parameters()) {
    const difference = [...values].map((value, at) => {
      values[at] = value + step;
      const [x1, above] = [values[at], lossAt()];
      values[at] = value - step;
      const [x0, below] = [values[at], lossAt()];
      values[at] = value;
      return (above - below) / (x1 - x0);
    });
    const scale = Math.max(0.1, ...difference.map(Math.abs));
    const found = [...claimed.get(path)!.values];
    const errors = found.map((value, at) => Math.abs(value - difference[at]) / scale);
    expect(Math.max(...errors), path).toBeLessThan(5e-3);
  }
}

describe('valueAndGradient', () => {
  describe('agrees with finite differences for a network', () => {
    const rng = Rng.fromSeed(7);
    const x = rng.normal([3, 4, 6, 2]);
    const labels = tensor([2, 0, 1], { dtype: 'i32' });

    test.each([0, 0.1])('under cross-entropy with label smoothing %d', (labelSmoothing) => {
      const net = new Net(rng.split('net', labelSmoothing * 10));
      const loss = (net: Net) => crossEntropy(net.forward(x), labels, { labelSmoothing });
      const { value, gradients } = valueAndGradient(loss)(net);
      expect(value.values[0]).toBe(loss(net).values[0]);
      expect(flatten(gradients).map(([path, { shape }]) => [path, shape])).toEqual(
        [...net.parameters()].map(([path, { shape }]) => [path, shape]),
      );
      expectFiniteDifferences(net, () => loss(net), gradients);
    });

    test('under the mean squared error', () => {
      const net = new Net(rng.split('mse'));
      const target = rng.normal([3, 3]);
      const loss = (net: Net) => mse(net.forward(x), target);
      expectFiniteDifferences(net, () => loss(net), gradient(loss)(net));
    });

    test('in evaluation mode, where BatchNorm2d is a fixed linear map', () => {
      const net = new Net(rng.split('evaluation')).eval();
      net.norm.runningMean.values.set([0.3, -0.2, 0.1, 0.5]);
      net.norm.runningVariance.values.set([0.5, 2, 1, 1.5]);
      const loss = (net: Net) => crossEntropy(net.forward(x), labels);
      expectFiniteDifferences(net, () => loss(net), gradient(loss)(net));
    });
  });

  test.prop([tensors([3]), tensors([3])], { numRuns: 30 })('differentiates plain tensors', (a, b) => {
    const step = valueAndGradient((a: Tensor, b: Tensor) => sum(mul(a, b)));
    const { value, gradients } = step(a, b);
    expectTypeOf(gradients).toEqualTypeOf<Tensor>();
    expectTypeOf(value).toEqualTypeOf<Tensor>();
    expect(value.values[0]).toBeCloseTo(
      a.values[0] * b.values[0] + a.values[1] * b.values[1] + a.values[2] * b.values[2],
    );
    expect(values(gradients)).toEqual(values(b));
  });

  test('sums the gradients of a tensor that is used twice', () => {
    const x = tensor([1, -2, 3]);
    // In x² + 3x, both operands of the first `mul` are x.
    const found = gradient((x: Tensor) => sum(add(mul(x, x), mul(x, 3))))(x);
    expect(values(found)).toEqual([5, -1, 9]);
    expect(values(gradient((x: Tensor) => sum(add(x, x)))(x))).toEqual([2, 2, 2]);
  });

  test('gives zeros to a parameter that the loss does not depend on', () => {
    const parameters = { used: tensor([1, 2]), unused: tensor([[3], [4]]) };
    const found = gradient(({ used }: typeof parameters) => sum(square(used)))(parameters);
    expect(values(found.used)).toEqual([2, 4]);
    expect(found.unused.shape).toEqual([2, 1]);
    expect(values(found.unused)).toEqual([0, 0]);
  });

  test('is 1 if the loss is the parameter itself', () => {
    const { value, gradients } = valueAndGradient((x: Tensor) => x)(scalar(5));
    expect([values(value), values(gradients)]).toEqual([[5], [1]]);
  });

  test('differentiates the first of several outputs, and returns them all', () => {
    const x = tensor([3, 4]);
    const step = valueAndGradient((x: Tensor) => {
      const squares = square(x);
      return [sum(squares), squares, neg(x)] as const;
    });
    const { value, gradients } = step(x);
    expectTypeOf(value).toEqualTypeOf<readonly [Tensor, Tensor, Tensor]>();
    expect(value.map(values)).toEqual([[25], [9, 16], [-3, -4]]);
    expect(values(gradients)).toEqual([6, 8]);
  });

  test('passes further arguments on as constants', () => {
    const step = valueAndGradient((w: Tensor, x: Tensor, scale: number) => sum(mul(mul(w, x), scale)));
    expect(values(step(tensor([1, 2]), tensor([3, 4]), 10).gradients)).toEqual([30, 40]);
  });

  test('rejects a loss that is not a single number', () => {
    const step = valueAndGradient((x: Tensor) => square(x));
    expect(() => step(ones([2, 3]))).toThrow(
      new RangeError('a loss must be a single number, but has shape [2,3]. Take its mean() or sum().'),
    );
  });
});

describe('noGradient', () => {
  test('makes its result a constant', () => {
    const x = tensor([2, 3]);
    const found = gradient((x: Tensor) =>
      sum(
        mul(
          x,
          noGradient(() => square(x)),
        ),
      ),
    )(x);
    expect(values(found)).toEqual([4, 9]);
  });

  test('ends with its body, even if that throws', () => {
    const found = gradient((x: Tensor) => {
      expect(() =>
        noGradient(() => {
          throw new Error('planned');
        }),
      ).toThrow('planned');
      return sum(square(x));
    })(tensor([3]));
    expect(values(found)).toEqual([6]);
  });
});

test('stopGradient returns a tensor as a constant, and leaves the original unchanged', () => {
  const x = tensor([2, 3]);
  const found = gradient((x: Tensor) => sum(mul(x, stopGradient(x))))(x);
  expect(values(found)).toEqual([2, 3]);
  expect(values(gradient((x: Tensor) => sum(mul(x, add(x, mul(stopGradient(x), -1)))))(x))).toEqual([2, 3]);
  // A tensor that noGradient passes through was not made in it, so it is no constant.
  expect(
    values(
      gradient((x: Tensor) =>
        sum(
          mul(
            x,
            noGradient(() => x),
          ),
        ),
      )(x),
    ),
  ).toEqual([4, 6]);
});

describe('customGradient', () => {
  const hardSign = customGradient('hardSign', (x: Tensor) => ({
    output: sign(x),
    saved: [],
    gradient: (dy) => [() => mul(dy, 10)],
  }));

  test('replaces the gradient of its forward pass', () => {
    const x = tensor([-2, 3]);
    expect(values(hardSign(x))).toEqual([-1, 1]);
    expect(values(gradient((x: Tensor) => sum(hardSign(x)))(x))).toEqual([10, 10]);
  });

  test('may return its input, and the rule applies once', () => {
    const reverse = customGradient('reverse', (x: Tensor) => ({
      output: x,
      saved: [],
      gradient: (dy) => [() => neg(dy)],
    }));
    const x = tensor([1, 2]);
    expect(values(gradient((x: Tensor) => sum(square(reverse(x))))(x))).toEqual([-2, -4]);
    expect(x.disposed).toBe(false);
  });

  test('may return one tensor for two inputs, or a saved tensor', () => {
    const product = customGradient('product', (a: Tensor, b: Tensor) => ({
      output: mul(a, b),
      saved: [a],
      gradient: (dy, [a]: readonly Tensor[]) => {
        const same = mul(dy, 2);
        return [() => same, () => a, () => same].slice(0, 2);
      },
    }));
    const a = tensor([3, 4]);
    const found = gradient(({ a, b }: { a: Tensor; b: Tensor }) => sum(product(a, neg(b))))({ a, b: tensor([5, 6]) });
    expect([values(found.a), values(found.b)]).toEqual([
      [2, 2],
      [-3, -4],
    ]);
    const twice = customGradient('twice', (a: Tensor, b: Tensor) => ({
      output: add(a, b),
      saved: [],
      gradient: (dy) => {
        const same = mul(dy, 2);
        return [() => same, () => same];
      },
    }));
    const sums = gradient((x: Tensor) => sum(twice(neg(x), square(x))))(a);
    expect(values(sums)).toEqual([-2 + 4 * 3, -2 + 4 * 4]);
  });

  test('keeps only the saved tensors in memory', () => {
    const before = memory();
    const wasteful = customGradient('wasteful', (x: Tensor) => {
      const saved = abs(x);
      return {
        output: square(square(square(x))),
        saved: [saved],
        gradient: (dy, [magnitude]: readonly Tensor[]) => [() => mul(dy, magnitude)],
      };
    });
    const x = tensor(new Float32Array(1000).fill(-1));
    const step = valueAndGradient((x: Tensor) => {
      const entry = memory();
      const y = wasteful(x);
      // The output and |x|: 1000 numbers each.
      expect(memory()).toEqual({ ...entry, tensors: entry.tensors + 2, bytes: entry.bytes + 8000 });
      return sum(y);
    });
    const { value, gradients } = step(x);
    expect(values(gradients)).toEqual(values(ones([1000])).map(() => 1));
    dispose([x, value, gradients]);
    expect(memory().tensors).toBe(before.tensors + 1);
  });
});

describe('memory', () => {
  let before: ReturnType<typeof memory>;
  beforeEach(() => {
    before = memory();
  });

  test('a training step leaves no tensor behind', () => {
    const rng = Rng.fromSeed(1);
    const net = new Net(rng);
    const adam = new Adam();
    const x = rng.normal([2, 4, 4, 2]);
    const labels = tensor([0, 2], { dtype: 'i32' });
    const lossAndGradient = valueAndGradient((net: Net) => crossEntropy(net.forward(x), labels));
    const trainingStep = () => {
      const { value, gradients } = lossAndGradient(net);
      adam.update(net, gradients);
      dispose([value, gradients]);
    };
    trainingStep();
    const afterFirst = memory();
    trainingStep();
    trainingStep();
    expect(memory()).toEqual(afterFirst);
    dispose([x, labels]);
    adam.dispose();
    net.dispose();
    expect(memory()).toEqual(before);
  });

  test('only the value and the gradients remain, even without a tidy', () => {
    const parameters = [tensor([1, 2, 3]), tensor([4, 5, 6])];
    const { value, gradients } = valueAndGradient(([a, b]: Tensor[]) => {
      const [p, q] = [mul(a, b), add(a, b)];
      return [sum(mul(p, square(q))), reshape(p, [3, 1])] as const;
    })(parameters);
    expect(memory().tensors).toBe(before.tensors + 2 + 2 + 2);
    dispose([parameters, value, gradients]);
    expect(memory()).toEqual(before);
  });

  test('tidy frees tensors that no gradient rule needs, and the gradient stays right', () => {
    const x = tensor(new Float32Array(100).map((_, i) => i / 50 - 1));
    const f = (x: Tensor) => sum(relu(mul(sub(neg(x), 1), square(add(x, 2)))));
    const plain = gradient(f)(x);
    const tidied = valueAndGradient((x: Tensor) => {
      const entry = memory();
      const inner = tidy(() => {
        // No rule reads any of these ten tensors of 100 numbers.
        let y = x;
        for (let i = 0; i < 5; i++) y = neg(neg(y));
        return y;
      });
      expect(memory()).toEqual({ ...entry, tensors: entry.tensors + 1, bytes: entry.bytes + 400 });
      return tidy(() => f(inner));
    })(x);
    expect(values(tidied.gradients)).toEqual(values(plain));
    dispose([x, plain, tidied]);
    expect(memory()).toEqual(before);
  });

  test('an error leaves no tensor behind, wherever it is thrown', () => {
    const x = tensor([1, 2, 3]);
    const inForward = gradient((x: Tensor) => {
      tidy(() => square(mul(x, x)));
      throw new Error(`planned, after ${square(x).size} squares`);
    });
    const notScalar = gradient((x: Tensor) => square(square(x)));
    const failing = customGradient('failing', (x: Tensor) => ({
      output: neg(x),
      saved: [abs(x)],
      gradient: () => [
        () => {
          throw new Error('planned, in the backward pass');
        },
      ],
    }));
    const inBackward = gradient((x: Tensor) => sum(square(failing(square(x)))));
    expect(() => inForward(x)).toThrow('planned, after 3 squares');
    expect(() => notScalar(x)).toThrow(RangeError);
    expect(() => inBackward(x)).toThrow('planned, in the backward pass');
    x.dispose();
    expect(memory()).toEqual(before);
  });
});
