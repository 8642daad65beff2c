import * as t from '@mobinet/tensor';
import { add, mul, Rng, square, sum, type Tensor, tensor, tidy } from '@mobinet/tensor';
import { definedOps } from '@mobinet/tensor/testing';
import { describe, expect, test } from 'vitest';
import { gradient } from './differentiate.js';
import { crossEntropy } from './losses.js';
import { binaryCrossEntropyWithLogits, klDivergence } from './probability-losses.js';
import { huber } from './regression-losses.js';

// Every operation with a gradient rule, in a function whose second derivative depends on it. The last test fails if an
// operation is missing.

const rng = Rng.fromSeed(11);
/** Evenly spaced numbers between 0.3 and 1.7 in random order: away from kinks, ties and poles. */
const points = (shape: number[], scale = 1, shift = 0): Tensor =>
  tidy(() => {
    const size = shape.reduce((product, length) => product * length, 1);
    const spread = rng.permutation(size).cast('f32');
    return spread
      .mul((1.4 * scale) / Math.max(1, size - 1))
      .add(0.3 * scale + shift)
      .reshape(shape);
  });
/** The same for numbers of both signs. */
const signed = (shape: number[]): Tensor => points(shape, 2, -2.01);
/** Away from whole numbers, where `floor` and `ceil` jump, from halves, where `round` does, and from 0. */
const betweenJumps = tensor([-1.3, -0.2, 1.4]);
const indices = tensor([2, 0, 2], { dtype: 'i32' });
const labels = tensor([1, 0], { dtype: 'i32' });
const mask = tensor([1, 0, 1], { dtype: 'u8' });

type Row = [f: (...inputs: Tensor[]) => Tensor, ...inputs: Tensor[]];

const image = () => signed([1, 4, 4, 2]);

const rows: Record<string, Row> = {
  abs: [t.abs, signed([4])],
  add: [t.add, signed([2, 3]), signed([3])],
  affine: [t.affine, signed([2, 3]), signed([3]), signed([3])],
  avgPool2d: [(x) => t.avgPool2d(x, { window: 3, stride: 1, padding: 1 }), image()],
  batchNorm: [(x, gamma, beta) => t.batchNorm(x, gamma, beta).output, signed([5, 2]), points([2]), signed([2])],
  'batchNorm, its statistics': [
    (x) => {
      const { mean, variance } = t.batchNorm(x, t.ones([2]), t.zeros([2]));
      return mul(mean, variance);
    },
    signed([5, 2]),
  ],
  broadcastTo: [(x) => t.broadcastTo(x, [2, 3]), signed([3])],
  cast: [(x) => t.cast(x, 'f32'), signed([3])],
  ceil: [(x) => mul(x, t.ceil(x)), betweenJumps],
  clip: [(x) => t.clip(x, -0.9, 0.9), signed([5])],
  concat: [(a, b) => t.concat([a, b, a], 0), signed([2]), signed([3])],
  conv2d: [(x, filter) => t.conv2d(x, filter, { padding: 'same' }), image(), signed([2, 3, 3, 2])],
  'conv2d, depth-wise': [
    (x, filter) => t.conv2d(x, filter, { groups: 2, stride: 2, padding: 1 }),
    image(),
    signed([2, 3, 3, 1]),
  ],
  'conv2d, dilated': [(x, filter) => t.conv2d(x, filter, { dilation: 2 }), image(), signed([3, 2, 2, 2])],
  cos: [t.cos, signed([3])],
  crossEntropy: [(logits) => crossEntropy(logits, labels), signed([2, 3])],
  'crossEntropy, smoothed': [(logits) => crossEntropy(logits, labels, { labelSmoothing: 0.2 }), signed([2, 3])],
  cumprod: [(x) => t.cumprod(x), signed([2, 3])],
  'cumprod, with zeros': [
    (x) => t.cumprod(x, 0),
    tensor([
      [0.5, 0],
      [0, -1.5],
      [2, 0],
    ]),
  ],
  cumsum: [(x) => t.cumsum(x, 0), signed([3, 2])],
  'crossEntropy, weighted, without rows that do not count': [
    (logits) =>
      crossEntropy(logits, tensor([1, -1, 0], { dtype: 'i32' }), { weight: tensor([2, 0.5, 1]), ignoreIndex: -1 }),
    signed([3, 3]),
  ],
  'crossEntropy, soft': [(logits, x) => crossEntropy(logits, t.softmax(x)), signed([2, 3]), signed([2, 3])],
  'losses, huber': [(a, b) => huber(a, b, { delta: 0.8 }), signed([4]), points([4])],
  'losses, binary cross-entropy': [
    (x, y, w) => binaryCrossEntropyWithLogits(x, t.sigmoid(y), { positiveWeight: w }),
    signed([2, 3]),
    signed([2, 3]),
    points([3]),
  ],
  'losses, divergence': [(q, p) => klDivergence(t.logSoftmax(q), t.softmax(p)), signed([2, 3]), signed([2, 3])],
  div: [t.div, signed([2, 3]), points([3])],
  elu: [(x) => t.elu(x, { alpha: 0.8 }), signed([5])],
  erf: [t.erf, signed([3])],
  dropout: [(x) => t.dropout(x, { rate: 0.4, rng: Rng.fromSeed(5) }), signed([8])],
  exp: [t.exp, signed([3])],
  expm1: [t.expm1, signed([3])],
  floor: [(x) => mul(x, t.floor(x)), betweenJumps],
  flushTiny: [t.sigmoid, signed([3])],
  gather: [(x) => t.gather(x, indices), signed([3, 2])],
  gelu: [(x) => t.gelu(x), signed([5])],
  geluTanh: [(x) => t.gelu(x, { approximate: 'tanh' }), signed([5])],
  hardSwish: [t.hardSwish, points([5], 6, -6.02)],
  flip: [(x) => t.flip(x, 1), signed([2, 3])],
  interpolate: [(x) => t.interpolate(x, { size: [3, 7], mode: 'bilinear' }), image()],
  'interpolate, nearest': [(x) => t.interpolate(x, { size: [5, 2] }), image()],
  groupNorm: [
    (x, gamma, beta) => t.groupNorm(x, 2, gamma, beta, { epsilon: 0.1 }),
    signed([2, 3, 4]),
    points([4]),
    signed([4]),
  ],
  layerNorm: [
    (x, gamma, beta) => t.layerNorm(x, gamma, beta, { epsilon: 0.1 }),
    signed([2, 5]),
    points([5]),
    signed([5]),
  ],
  leakyRelu: [(x) => t.leakyRelu(x, 0.2), signed([5])],
  log: [t.log, points([3])],
  log1p: [t.log1p, points([3])],
  logSoftmax: [(x) => t.logSoftmax(x), signed([2, 3])],
  logSumExp: [(x) => t.logSumExp(x, { axes: 1 }), signed([2, 3])],
  matmul: [(a, b) => t.matmul(a, b), signed([2, 3]), signed([3, 2])],
  'matmul, transposed': [
    (a, b) => t.matmul(a, b, { transposeA: true, transposeB: true }),
    signed([3, 2]),
    signed([2, 2, 3]),
  ],
  max: [(x) => t.max(x, { axes: 1 }), signed([2, 3])],
  maximum: [t.maximum, signed([4]), tensor([0.1, 0.2, -0.4, 0.3])],
  maxPool2d: [(x) => t.maxPool2d(x, { window: 2 }), image()],
  mean: [(x) => t.mean(x, { axes: 0 }), signed([2, 3])],
  min: [(x) => t.min(x), signed([2, 3])],
  minimum: [t.minimum, signed([4]), tensor([0.1, 0.2, -0.4, 0.3])],
  minPool2d: [(x) => t.minPool2d(x, { window: 3, stride: 1 }), image()],
  // Quotients halfway between whole numbers, where it jumps.
  mod: [t.mod, tensor([1.03, -2.3, 0.18, -0.37, 0.45, 0.9], { shape: [2, 3] }), tensor([0.71, -0.93, 0.37])],
  mul: [t.mul, signed([2, 3]), signed([3])],
  neg: [t.neg, signed([3])],
  norm: [(x) => t.norm(x, { axes: 1 }), signed([2, 3])],
  'norm, of another order': [(x) => t.norm(x, { p: 3 }), signed([4])],
  pad: [
    (x) =>
      t.pad(x, [
        [1, 0],
        [0, 2],
      ]),
    signed([2, 2]),
  ],
  'pad, reflected': [(x) => t.pad(x, [[1, 2]], { mode: 'reflect' }), signed([3])],
  'pad, replicated': [(x) => t.pad(x, [[1, 2]], { mode: 'replicate' }), signed([3])],
  pow: [t.pow, points([3]), signed([3])],
  prelu: [t.prelu, signed([3, 2]), points([2])],
  prod: [(x) => t.prod(x, { axes: 1 }), signed([2, 3])],
  'prod, with zeros': [
    (x) => t.prod(x, { axes: 0 }),
    tensor([
      [0.5, 0],
      [0, -1.5],
      [2, 0],
    ]),
  ],
  relu: [t.relu, signed([5])],
  round: [(x) => mul(x, t.round(x)), betweenJumps],
  scatterAdd: [(x) => t.scatterAdd(x, indices, 4), signed([3, 2])],
  sigmoid: [t.sigmoid, signed([3])],
  silu: [t.silu, signed([5])],
  sin: [t.sin, signed([3])],
  sign: [(x) => mul(x, t.sign(x)), betweenJumps],
  slice: [(x) => t.slice(x, [1], [3]), signed([4])],
  softplus: [(x) => t.softplus(x, { beta: 2, threshold: 2 }), signed([5])],
  softmax: [(x) => t.softmax(x, 0), signed([3, 2])],
  sqrt: [t.sqrt, points([3])],
  square: [t.square, signed([3])],
  std: [(x) => t.std(x, { axes: 0 }), signed([4, 2])],
  sub: [t.sub, signed([3]), signed([2, 3])],
  sum: [(x) => t.sum(x, { axes: 1 }), signed([2, 3])],
  tan: [t.tan, signed([3])],
  tanh: [t.tanh, signed([3])],
  transpose: [(x) => t.transpose(x), signed([2, 3])],
  trunc: [(x) => mul(x, t.trunc(x)), betweenJumps],
  variance: [(x) => t.variance(x, { axes: 0, correction: 1 }), signed([4, 2])],
  where: [(a, b) => t.where(mask, a, b), signed([3]), signed([2, 3])],
};

/** Gradients that are ops with their own rule, and the operation whose second derivative uses it. */
const partOf: Record<string, string> = {
  avgPool2dInputGradient: 'avgPool2d',
  clipGradient: 'clip',
  conv2dFilterGradient: 'conv2d',
  conv2dInputGradient: 'conv2d',
  dropoutGradient: 'dropout',
  leakyReluGradient: 'leakyRelu',
  linearRecurrence: 'cumprod',
  reluGradient: 'relu',
};

/** Operations on bits. These come from packBits, which has no gradient, so to a tape they are constants. */
const ofBits = ['bitConv2d', 'bitMatmul', 'unpackBits'];

/** Σ wᵢ·f(x)ᵢ², which is curved even if f is linear. */
function curved(f: Row[0]): (inputs: readonly Tensor[]) => Tensor {
  return (inputs) => {
    const y = f(...inputs);
    const weights = t.arange(0, y.size, 1, 'f32').mul(0.3).add(1).reshape(y.shape);
    return sum(mul(weights, square(y)));
  };
}

const direction = (index: number, at: number): number => Math.cos(at * 1.7 + index * 0.9 + 0.3);

describe('first derivatives', () => {
  const { POSITIVE_INFINITY: infinity, NaN: nan } = Number;
  const magnitudes = [0, 1e-30, 0.1, 1, 3, 5, 10, 20, 100, 1e10, 1e20, 1e30, 3e38];
  const x = tensor([...magnitudes, ...magnitudes.map((value) => -value), infinity, -infinity, nan], {
    shape: [2 * magnitudes.length + 3, 1],
  });
  const functions = ['clip', 'elu', 'erf', 'gelu', 'geluTanh', 'hardSwish', 'leakyRelu', 'prelu', 'relu', 'sigmoid'];

  // While a gradient is recorded, some rules consist of plain ops, and otherwise of kernels of their own.
  test.each([...functions, 'silu', 'softplus', 'tan', 'tanh'])('of %s are the same when recorded, at any x', (name) => {
    const f = name === 'prelu' ? (x: Tensor) => t.prelu(x, tensor([0.3])) : rows[name][0];
    const slope = gradient((x: Tensor) => sum(f(x)));
    const alone = slope(x);
    const recorded = t.withRecorder({ record: () => {} }, () => slope(x));
    alone.values.forEach((expected, at) => {
      const value = recorded.values[at];
      const isClose =
        Object.is(value, expected) || Math.abs(value - expected) <= 1e-6 * Math.max(1, Math.abs(expected));
      expect(isClose, `at ${x.values[at]}: ${value} instead of ${expected}`).toBe(true);
    });
    // Where an exponential or a power overflows, no 0 · ∞ may remain in a further derivative.
    const finite = x.values.subarray(0, 2 * magnitudes.length);
    const curvature = gradient((x: Tensor) => sum(slope(x)));
    for (const further of [curvature, gradient((x: Tensor) => sum(curvature(x)))]) {
      const { values } = further(tensor(finite, { shape: [finite.length, 1] }));
      expect([...finite].filter((_, at) => !Number.isFinite(values[at]))).toEqual([]);
    }
  });
});

describe('where rounding or a division by 0 would show', () => {
  test('the derivative of mod with respect to its divisor is a whole number', () => {
    const a = t.linspace(-50, 50, 301);
    const slopes = gradient((b: Tensor) => sum(t.mod(a, b)))(t.full([301], 0.3));
    const quotients = Array.from(a.values, (value) => Math.floor(value / Math.fround(0.3)));
    expect(Array.from(slopes.values, (slope) => 0 - slope)).toEqual(quotients);
  });

  test('the derivatives of std are 0 where it is 0', () => {
    const constant = t.full([3], 2.5);
    const slope = gradient((x: Tensor) => sum(t.std(x)));
    const curvature = gradient((x: Tensor) => sum(mul(slope(x), tensor([1, -2, 4]))));
    expect([...slope(constant).values, ...curvature(constant).values]).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

describe('second and third directional derivatives agree with finite differences', () => {
  test.each(Object.entries(rows))('%s', (_, [f, ...inputs]) => {
    tidy(() => {
      const directions = inputs.map(({ shape, size }, index) =>
        tensor(
          Float32Array.from({ length: size }, (_, at) => direction(index, at)),
          { shape },
        ),
      );
      const along = (of: readonly Tensor[]): Tensor =>
        of.map((gradient, index) => sum(mul(gradient, directions[index]))).reduce((a, b) => add(a, b));
      let slope = gradient(curved(f));
      for (let order = 2; order <= 3; order++) {
        const lower = slope;
        slope = gradient((inputs: readonly Tensor[]) => along(lower(inputs)));
        const claimed = along(slope(inputs)).values[0];

        const at = (distance: number): number =>
          along(lower(inputs.map((x, index) => add(x, mul(directions[index], distance))))).values[0];
        const difference = (h: number): number => (at(h) - at(-h)) / (2 * h);
        // Richardson extrapolation cancels the error in h².
        const expected = (4 * difference(5e-3) - difference(1e-2)) / 3;
        expect(Math.abs(claimed - expected) / Math.max(1, Math.abs(expected)), `order ${order}`).toBeLessThan(5e-3);
      }
    });
  });

  test('all operations with a gradient are covered', () => {
    const withGradient = definedOps().flatMap(({ name, gradient }) => (gradient ? [name] : []));
    expect(withGradient.length).toBeGreaterThan(50);
    const covered = [...Object.keys(rows).filter((name) => !name.includes(',')), ...Object.keys(partOf), ...ofBits];
    expect(covered.toSorted()).toEqual(withGradient.toSorted());
    for (const parent of Object.values(partOf)) expect(rows).toHaveProperty(parent);
  });
});
