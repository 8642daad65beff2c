import { fc, test } from '@fast-check/vitest';
import {
  add,
  decodeSafetensors,
  encodeSafetensors,
  memory,
  mul,
  profile,
  Rng,
  type Tensor,
  tensor,
  zeros,
} from '@mobinet/tensor';
import { withKernels } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { Parameter } from '../parameter.js';
import { Adam, AdamW } from './adam.js';
import type { Optimizer, OptimizerOptions, ParameterGroup } from './optimizer.js';
import { RMSProp } from './rmsprop.js';
import { SGD } from './sgd.js';

const numbers = fc.double({ min: -3, max: 3, noNaN: true }).map(Math.fround);
const vectors = fc.array(numbers, { minLength: 3, maxLength: 3 });
/** Initial weights, and the gradients of some steps. */
const runs = fc.record({ start: vectors, gradients: fc.array(vectors, { minLength: 1, maxLength: 6 }) });

/** One scalar weight by the textbook's formulas, in double precision. Steps count from 1. */
type Rule = (w: number, g: number, step: number) => number;

function sgdRule(rate: number, momentum: number, decay: number): Rule {
  let v = 0;
  return (w, g) => {
    v = momentum * v + (g + decay * w);
    return w - rate * v;
  };
}

function nesterovRule(rate: number, momentum: number, decay: number): Rule {
  let v = 0;
  return (w, g) => {
    const gradient = g + decay * w;
    v = momentum * v + gradient;
    return w - rate * (gradient + momentum * v);
  };
}

function rmsPropRule({ rate = 0.01, alpha = 0.99, epsilon = 1e-8, momentum = 0, decay = 0, centered = false }): Rule {
  let [square, mean, v] = [0, 0, 0];
  return (w, g) => {
    const gradient = g + decay * w;
    square = alpha * square + (1 - alpha) * gradient ** 2;
    mean = alpha * mean + (1 - alpha) * gradient;
    v = momentum * v + gradient / (Math.sqrt(square - (centered ? mean ** 2 : 0)) + epsilon);
    return w - rate * v;
  };
}

function adamRule(rate: number, [beta1, beta2]: readonly [number, number], epsilon: number): Rule {
  let [m, v] = [0, 0];
  return (w, g, step) => {
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g ** 2;
    const [mHat, vHat] = [m / (1 - beta1 ** step), v / (1 - beta2 ** step)];
    return w - (rate * mHat) / (Math.sqrt(vHat) + epsilon);
  };
}

/** Adam, with λ·w added to the gradient. */
function adamL2Rule(rate: number, decay: number): Rule {
  const adam = adamRule(rate, [0.9, 0.999], 1e-8);
  return (w, g, step) => adam(w, g + decay * w, step);
}

/** Adam, after the weight has shrunk by η·λ·w (the gradient step does not read w). */
function adamWRule(rate: number, decay: number): Rule {
  const adam = adamRule(rate, [0.9, 0.999], 1e-8);
  return (w, g, step) => adam(w * (1 - rate * decay), g, step);
}

const cases: { name: string; make: () => Optimizer; rule: () => Rule }[] = [
  { name: 'SGD', make: () => new SGD({ learningRate: 0.1 }), rule: () => sgdRule(0.1, 0, 0) },
  {
    name: 'SGD with momentum',
    make: () => new SGD({ learningRate: 0.1, momentum: 0.8 }),
    rule: () => sgdRule(0.1, 0.8, 0),
  },
  {
    name: 'SGD with momentum and weight decay',
    make: () => new SGD({ learningRate: 0.1, momentum: 0.9, weightDecay: 0.05 }),
    rule: () => sgdRule(0.1, 0.9, 0.05),
  },
  {
    name: 'SGD with Nesterov momentum and weight decay',
    make: () => new SGD({ learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.05 }),
    rule: () => nesterovRule(0.1, 0.9, 0.05),
  },
  { name: 'RMSProp', make: () => new RMSProp(), rule: () => rmsPropRule({}) },
  {
    name: 'RMSProp with momentum and weight decay',
    make: () => new RMSProp({ learningRate: 0.005, alpha: 0.9, epsilon: 1e-3, momentum: 0.8, weightDecay: 0.1 }),
    rule: () => rmsPropRule({ rate: 0.005, alpha: 0.9, epsilon: 1e-3, momentum: 0.8, decay: 0.1 }),
  },
  {
    name: 'RMSProp, centered',
    make: () => new RMSProp({ learningRate: 0.005, alpha: 0.9, epsilon: 1e-3, momentum: 0.5, centered: true }),
    rule: () => rmsPropRule({ rate: 0.005, alpha: 0.9, epsilon: 1e-3, momentum: 0.5, centered: true }),
  },
  { name: 'Adam', make: () => new Adam(), rule: () => adamRule(1e-3, [0.9, 0.999], 1e-8) },
  {
    name: 'Adam with its own constants',
    make: () => new Adam({ learningRate: 0.02, betas: [0.5, 0.9], epsilon: 1e-3 }),
    rule: () => adamRule(0.02, [0.5, 0.9], 1e-3),
  },
  {
    name: 'Adam with weight decay',
    make: () => new Adam({ learningRate: 0.02, weightDecay: 0.1 }),
    rule: () => adamL2Rule(0.02, 0.1),
  },
  {
    name: 'AdamW',
    make: () => new AdamW({ learningRate: 0.02, weightDecay: 0.1 }),
    rule: () => adamWRule(0.02, 0.1),
  },
  { name: 'AdamW by default', make: () => new AdamW(), rule: () => adamWRule(1e-3, 0.01) },
];

/** Around multiples of four lanes, and more than a thread takes at a time. */
const sizes = [1, 3, 5, 1023, 1024, 1025, 5000, 8193];

describe.each(cases)('$name', ({ make, rule }) => {
  test.prop([runs], { numRuns: 50 })('follows its formula over several steps', ({ start, gradients }) => {
    // If a gradient, or what weight decay adds to it, is so small that moments are flushed, the formula does not hold.
    fc.pre([...start, ...gradients.flat()].every((value) => value === 0 || Math.abs(value) > 1e-9));
    const optimizer = make();
    const w = tensor(start);
    const rules = start.map(rule);
    let expected: readonly number[] = start;
    gradients.forEach((gradient, index) => {
      optimizer.update(w, tensor(gradient));
      expected = expected.map((value, at) => rules[at](value, gradient[at], index + 1));
      // Weights are at most about 10, and rounded once per step.
      const errors = expected.map((value, at) => Math.abs(w.values[at] - value));
      expect(Math.max(...errors)).toBeLessThan(5e-6);
    });
    expect(optimizer.step).toBe(gradients.length);
  });

  test.prop([runs, vectors], { numRuns: 30 })(
    'resumes from a saved state bit for bit',
    ({ start, gradients }, last) => {
      const [first, second] = [make(), make()];
      // The previous state of the second optimizer must be replaced.
      second.update({ a: tensor(start), old: tensor([1]) }, { a: tensor(last), old: tensor([1]) });
      const tree = { a: tensor(start), b: [new Parameter(tensor(last))] };
      for (const gradient of gradients) first.update(tree, { a: tensor(gradient), b: [tensor(gradient)] });
      const copy = { a: tensor(tree.a.values.slice()), b: [new Parameter(tensor(tree.b[0].values.slice()))] };
      const file = encodeSafetensors(first.state.tensors);
      second.load({ step: first.state.step, tensors: f32Of(decodeSafetensors(file).tensors) });
      const gradient = { a: tensor(last), b: [tensor(start)] };
      first.update(tree, gradient);
      second.update(copy, gradient);
      expect(second.step).toBe(first.step);
      expect(bits(copy.a)).toEqual(bits(tree.a));
      expect(bits(copy.b[0])).toEqual(bits(tree.b[0]));
      for (const [name, moment] of first.state.tensors)
        expect(bits(second.state.tensors.get(name)!)).toEqual(bits(moment));
    },
  );

  test('starts from scratch after loading an empty state', () => {
    const [used, fresh] = [make(), make()];
    used.update(tensor([1, 2]), tensor([3, 4]));
    used.load({ step: 0, tensors: new Map() });
    const [a, b] = [tensor([1, 2]), tensor([1, 2])];
    used.update(a, tensor([-1, 1]));
    fresh.update(b, tensor([-1, 1]));
    expect(bits(a)).toEqual(bits(b));
  });

  test('decays all weights except binary ones', () => {
    const decaying = make();
    const [binary, real] = [true, false].map((binary) => new Parameter(tensor([2, -2]), { binary }));
    const zero = tensor([0, 0]);
    decaying.update({ binary, real }, { binary: zero, real: zero });
    expect([...binary.values]).toEqual([2, -2]);
    const expected = rule()(2, 0, 1);
    expect([...real.values].map((value) => Math.abs(value))).toEqual(
      [expected, expected].map((value) => expect.closeTo(value, 6)),
    );
  });

  test('flushes tiny moments to 0, so that they never become denormal', () => {
    const optimizer = make();
    const w = tensor([1, 1, 1]);
    optimizer.update(w, tensor([1e-28, -1e-29, 1e-20]));
    for (let step = 0; step < 300; step++) {
      optimizer.update(w, tensor([0, 0, 0]));
      for (const [name, { values }] of optimizer.state.tensors) {
        for (const value of values) {
          expect(value === 0 || Math.abs(value) >= Math.fround(1e-30), `${name} is ${value}`).toBe(true);
        }
      }
    }
  });

  test.prop([fc.nat()], { numRuns: 2 })('changes parameters of all sizes like its definition', (seed) => {
    const [fast, reference] = (['fast', 'reference'] as const).map((tier) =>
      withKernels(tier, () => {
        const rng = Rng.fromSeed(seed);
        const optimizer = make();
        const draw = (name: string, deviation: number) =>
          sizes.map((size, index) => rng.split(name, index).normal([size], 0, deviation));
        const parameters = draw('parameters', 1).map((parameter, index) =>
          index % 2 ? new Parameter(parameter) : parameter,
        );
        const signs = parameters.map(({ values }) => values.map((value) => (value < 0 ? -1 : 1)));
        // If a gradient and weight decay canceled, only rounding errors would be left, and Adam would turn them into a
        // whole step. So both have the same sign, which no weight loses in these steps.
        for (const [at, { values }] of parameters.entries()) {
          for (let i = 0; i < values.length; i++) values[i] += 0.1 * signs[at][i];
        }
        // From as small to as large as the gradients of a network.
        for (const step of [0, 1, 2, 3]) {
          const gradients = draw(`gradients ${step}`, 10 ** (step - 3));
          for (const [at, { values }] of gradients.entries()) {
            for (let i = 0; i < values.length; i++) values[i] = Math.abs(values[i]) * signs[at][i];
          }
          optimizer.update(parameters, gradients);
        }
        const byName = [...optimizer.state.tensors];
        const slots = new Set(byName.map(([name]) => name.split('.')[0]));
        const momentsOf = (slot: string) =>
          byName.filter(([name]) => name.startsWith(slot)).map(([, moment]) => moment);
        return new Map([['weight', parameters], ...Array.from(slots, (slot) => [slot, momentsOf(slot)] as const)]);
      }),
    );
    expect([...fast.keys()]).toEqual([...reference.keys()]);
    for (const [name, tensors] of reference) expectClose(fast.get(name)!, tensors, name);
  });

  test('flushes tiny moments to 0 at every position', () => {
    const optimizer = make();
    const parameters = sizes.map((size) => zeros([size]));
    optimizer.update(
      parameters,
      sizes.map((size, index) => mul(Rng.fromSeed(index).normal([size]), 1e-27)),
    );
    const none = sizes.map((size) => zeros([size]));
    for (let step = 0; step < 120; step++) {
      // With weights of 0, weight decay adds nothing to the gradient.
      for (const { values } of parameters) values.fill(0);
      optimizer.update(parameters, none);
    }
    for (const [name, { values }] of optimizer.state.tensors) {
      expect(
        values.every((value) => value === 0),
        name,
      ).toBe(true);
    }
  });

  test.each(['fast', 'reference'] as const)('does not hide a NaN gradient (%s)', (tier) => {
    const optimizer = make();
    const w = tensor([1, 2, 3, 4, 5]);
    withKernels(tier, () => optimizer.update(w, tensor([0, Number.NaN, -Number.NaN, 1, Number.NaN])));
    const isNumber = [true, false, false, true, false];
    expect(Array.from(w.values, Number.isFinite)).toEqual(isNumber);
    for (const [name, { values }] of optimizer.state.tensors) {
      expect(Array.from(values, Number.isFinite), name).toEqual(isNumber);
    }
  });

  test('names the parameter that has no gradient, and changes nothing', () => {
    const optimizer = make();
    const tree: { a: Tensor; units: { weight: Tensor }[] } = { a: tensor([1]), units: [{ weight: tensor([2]) }] };
    expect(() => optimizer.update(tree, { a: tensor([1]), units: [] })).toThrow(
      'there is no gradient for units.0.weight',
    );
    expect(tree.a.values[0]).toBe(1);
    expect(optimizer.step).toBe(0);
  });

  test('dispose() frees its state', () => {
    const [w, gradient] = [tensor([1]), tensor([1])];
    const before = memory();
    const optimizer = make();
    optimizer.update({ w }, { w: gradient });
    optimizer.dispose();
    expect(memory()).toEqual(before);
  });
});

test('weight decay acts where `decays` says', () => {
  const optimizer = new SGD({ learningRate: 1, weightDecay: 0.5, decays: (path) => path.endsWith('weight') });
  const tree = { weight: tensor([4]), bias: tensor([4]) };
  optimizer.update(tree, { weight: tensor([0]), bias: tensor([0]) });
  expect([tree.weight.values[0], tree.bias.values[0]]).toEqual([2, 4]);
});

describe('groups of parameters', () => {
  /** Parameters named a, b, c and d, of sizes that do not fill a vector. */
  const treeOf = () => ({
    a: tensor([1, 2, 3]),
    b: tensor([4]),
    c: new Parameter(tensor([5, -6]), { binary: true }),
    d: tensor([[7, 8]]),
  });
  const gradientsOf = (step: number) => ({
    a: tensor([0.1, -0.2, step]),
    b: tensor([0.3]),
    c: tensor([0.2, step]),
    d: tensor([[-0.1, 0.4]]),
  });
  const groups: ParameterGroup[] = [
    { matches: (path) => path === 'a', learningRateFactor: 0.5 },
    { matches: (path, { rank }) => path === 'a' || rank === 2, learningRateFactor: 2, weightDecay: 0.3 },
    { matches: (_path, parameter) => parameter instanceof Parameter, weightDecay: 0.7 },
  ];
  /** What each parameter should see: the learning rate and weight decay of an optimizer for it alone. */
  const settings = { a: [0.5, 0.1], b: [1, 0.1], c: [1, 0], d: [2, 0.3] } as const;

  test.each<[string, (options: { learningRate: number } & OptimizerOptions) => Optimizer]>([
    ['SGD', (options) => new SGD({ momentum: 0.9, ...options })],
    ['Nesterov', (options) => new SGD({ momentum: 0.9, nesterov: true, ...options })],
    ['RMSProp', (options) => new RMSProp({ momentum: 0.5, ...options })],
    ['Adam', (options) => new Adam(options)],
    ['AdamW', (options) => new AdamW(options)],
  ])('are trained as by an optimizer of their own, whose rate follows a schedule: %s', (_, make) => {
    const grouped = make({ learningRate: 1, weightDecay: 0.1, groups });
    const tree = treeOf();
    const alone = treeOf();
    const own = Object.entries(settings).map(
      ([name, [factor, weightDecay]]) => [name, factor, make({ learningRate: 1, weightDecay })] as const,
    );
    for (const [step, rate] of [0.1, 0.2, 0.05].entries()) {
      grouped.learningRate = rate;
      grouped.update(tree, gradientsOf(step));
      for (const [name, factor, optimizer] of own) {
        optimizer.learningRate = rate * factor;
        const key = name as keyof typeof settings;
        optimizer.update({ [key]: alone[key] }, { [key]: gradientsOf(step)[key] });
      }
    }
    for (const name of ['a', 'b', 'c', 'd'] as const) expect(bits(tree[name]), name).toEqual(bits(alone[name]));
  });

  test('share a call of the kernel if they have the same learning rate', () => {
    const optimizer = new SGD({ learningRate: 0.1, groups: [...groups, { matches: () => true }] });
    const { ops } = profile(() => optimizer.update(treeOf(), gradientsOf(0)));
    expect(ops.filter(({ op }) => op === 'sgd').map(({ calls }) => calls)).toEqual([3]);
  });

  test('with a factor of 0 stay as they are', () => {
    const optimizer = new Adam({ groups: [{ matches: (path) => path === 'a', learningRateFactor: 0 }] });
    const tree = treeOf();
    optimizer.update(tree, gradientsOf(1));
    expect([...tree.a.values]).toEqual([1, 2, 3]);
    expect(tree.b.values[0]).not.toBe(4);
  });

  test('see whole parameters where an update is of parts', () => {
    const seen: string[] = [];
    const note =
      (what: string) =>
      (path: string, { shape }: Tensor) =>
        seen.push(`${what} ${path} [${shape}]`) > 0;
    const optimizer = new SGD({
      learningRate: 1,
      weightDecay: 1,
      decays: note('decays'),
      groups: [{ matches: note('matches') }],
    });
    const whole = zeros([2, 3]);
    optimizer.wholeOf = (path) => ({ path: path.split('@')[0], parameter: whole });
    optimizer.update({ 'w@4': zeros([2]) }, { 'w@4': zeros([2]) });
    expect(seen).toEqual(['matches w [2,3]', 'decays w [2,3]']);
  });

  test('that are wrong are explained', () => {
    const make = (groups: unknown) => () => new Adam({ groups: groups as never });
    expect(make({})).toThrow(/^adam: groups: needs a list such as \[\{ matches: .*, not \{\}$/);
    expect(make([3])).toThrow(/^adam: groups\[0\]: options must be an object, not 3\. Its options are /);
    expect(make([{ matches: 'head' }])).toThrow(/^adam: groups\[0\]\.matches: needs a function, not "head"$/);
    expect(make([{ matches: () => true, learningRate: 1 }])).toThrow(
      /^adam: groups\[0\] has no option "learningRate"\. Its options are matches, learningRateFactor, weightDecay$/,
    );
    expect(make([{ matches: () => true, learningRateFactor: -1 }])).toThrow(
      /learningRateFactor must be a number from 0/,
    );
    expect(make([{ matches: () => true, weightDecay: Number.NaN }])).toThrow(/weightDecay must be .* not NaN$/);
  });
});

test('wrong options of SGD and RMSProp are explained', () => {
  expect(() => new SGD({ learningRate: 1, nesterov: true })).toThrow(/^sgd: nesterov needs a momentum above 0$/);
  expect(() => new SGD({ learningRate: 1, nesterov: 1 as never })).toThrow(/^sgd: nesterov must be one of false, true/);
  expect(() => new RMSProp({ alpha: 1 })).toThrow(/^rmsprop: alpha must be a number from 0 to below 1, not 1$/);
  expect(() => new RMSProp({ epsilon: 0 })).toThrow(/^rmsprop: epsilon must be/);
  expect(() => new RMSProp({ momentum: 1 })).toThrow(/^rmsprop: momentum must be/);
  expect(() => new RMSProp({ centered: 'no' as never })).toThrow(/^rmsprop: centered must be one of false, true/);
  expect(() => new RMSProp({ lr: 1 } as never)).toThrow(/^rmsprop has no option "lr"\. Its options are learningRate, /);
});

test('a centered RMSProp stays finite where rounding makes a variance negative', () => {
  const optimizer = new RMSProp({ centered: true, alpha: 0.5 });
  const w = tensor([0, 0, 0, 0, 0]);
  for (let step = 0; step < 100; step++) optimizer.update(w, tensor([0.1, 0.3, 1 / 3, 1e3, 1e-3]));
  expect([...w.values].every(Number.isFinite)).toBe(true);
});

test('a state names its tensors by slot and parameter', () => {
  const adam = new Adam();
  adam.update({ units: [tensor([1])] }, { units: [tensor([1])] });
  expect(adam.state.step).toBe(1);
  expect([...adam.state.tensors.keys()]).toEqual(['mean.units.0', 'square.units.0']);
});

test('the learning rate may change between updates', () => {
  const sgd = new SGD({ learningRate: 1 });
  const w = tensor([0]);
  sgd.update(w, tensor([1]));
  sgd.learningRate = 0.25;
  sgd.update(w, tensor([1]));
  expect(w.values[0]).toBe(-1.25);
});

/** Compares up to rounding, relative to the largest element. */
function expectClose(found: readonly Tensor[], expected: readonly Tensor[], name: string): void {
  const [a, b] = [found, expected].map((tensors) => tensors.flatMap(({ values }) => [...values]));
  const scale = b.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  const error = b.reduce((worst, value, at) => Math.max(worst, Math.abs(a[at] - value)), 0);
  expect(error / scale, name).toBeLessThan(1e-6);
}

const bits = (x: Tensor): number[] => [...new Uint32Array(x.values.slice().buffer)];

function f32Of(tensors: ReadonlyMap<string, unknown>): Map<string, Tensor> {
  return new Map([...tensors].map(([name, tensor]) => [name, tensor as Tensor]));
}

describe('an optimizer whose gradients have the momentum', () => {
  test.each([
    ['Adam', () => new Adam({ learningRate: 0.1 })],
    ['Adam with weight decay', () => new Adam({ learningRate: 0.1, weightDecay: 0.1 })],
    ['AdamW', () => new AdamW({ learningRate: 0.1 })],
    ['SGD', () => new SGD({ learningRate: 0.1, momentum: 0.9, weightDecay: 0.1 })],
    ['Nesterov', () => new SGD({ learningRate: 0.1, momentum: 0.9, weightDecay: 0.1, nesterov: true })],
  ])('makes the same updates, up to rounding: %s', (_, make) => {
    const [usual, other] = [make(), make()];
    // The means of squares are those of gradients, so they must not change any more.
    for (const optimizer of [usual, other]) if (optimizer instanceof Adam) optimizer.freezeSquaresAfter = 3;
    const [w, v] = [tensor([1, -2, 3]), tensor([1, -2, 3])];
    for (let step = 0; step < 6; step++) {
      // From the fourth step on, the momentum is added outside.
      other.hasMomentumInGradients = step >= 3;
      const gradient = tensor([Math.sin(step), Math.cos(step), 1]);
      usual.update(w, gradient);
      const momentum = other.hasMomentumInGradients ? other.momentumOf('') : null;
      other.update(v, momentum ? add(gradient, mul(momentum.tensor, momentum.factor)) : gradient);
      v.values.forEach((value, i) => {
        expect(value).toBeCloseTo(w.values[i], 5);
      });
    }
  });

  test('may keep its means of squares as they are: 1-bit Adam', () => {
    const adam = new Adam({ learningRate: 0.1 });
    adam.freezeSquaresAfter = 2;
    const w = tensor([1]);
    const squares = [2, 3, 100].map((gradient) => {
      adam.update(w, tensor([gradient]));
      return adam.state.tensors.get('square')!.values[0];
    });
    expect(squares[1]).not.toBe(squares[0]);
    expect(squares[2]).toBe(squares[1]);
  });
});
