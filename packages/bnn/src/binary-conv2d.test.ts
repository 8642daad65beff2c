import { fc, test } from '@fast-check/vitest';
import { gradient, noGradient, valueAndGradient } from '@mobinet/autograd';
import {
  abs,
  add,
  BitTensor,
  conv2d,
  dispose,
  mean,
  memory,
  mul,
  ones,
  pad,
  type RecordedCall,
  Rng,
  reshape,
  ShapeError,
  sign,
  sum,
  Tensor,
  tensor,
  tidy,
  withRecorder,
  zeros,
} from '@mobinet/tensor';
import { awkwardChannels, checkOp } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { type BinaryConv2dOptions, binaryConv2d } from './binary-conv2d.js';
import { signWithEstimator } from './estimator.js';
import { expectClose } from './expect-close.test.helper.js';
import type { Estimator, ScalingGradient } from './gradient-kinds.js';
import { scaleCounts } from './scale-counts.js';
import { binarizeWeights } from './scaling.js';

interface Convolution {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly options: BinaryConv2dOptions & {
    padding: number;
    stride: number;
    groups: number;
    paddingValue: 'one' | 'zero';
  };
  readonly rng: Rng;
}

/** Random convolutions, with channels around word boundaries. */
const convolutions: fc.Arbitrary<Convolution> = fc
  .record({
    batch: fc.integer({ min: 1, max: 2 }),
    height: fc.integer({ min: 3, max: 5 }),
    width: fc.integer({ min: 3, max: 5 }),
    groups: fc.integer({ min: 1, max: 3 }),
    groupChannels: fc.constantFrom(1, 7, 31, 32, 33, 64, 65),
    filtersPerGroup: fc.integer({ min: 1, max: 3 }),
    kernel: fc.constantFrom([1, 1], [3, 3], [2, 3]),
    stride: fc.integer({ min: 1, max: 2 }),
    padding: fc.integer({ min: 0, max: 2 }),
    paddingValue: fc.constantFrom('one' as const, 'zero' as const),
    seed: fc.nat(),
  })
  .map(({ batch, height, width, groups, groupChannels, filtersPerGroup, kernel, seed, ...options }) => {
    const rng = Rng.fromSeed(seed);
    const x = rng.normal([batch, height, width, groups * groupChannels]);
    // sign(0) is +1 in both implementations.
    x.values[0] = 0;
    return {
      x,
      // Some weights lie beyond ±1, so that clipping has an effect.
      weight: rng.normal([groups * filtersPerGroup, ...kernel, groupChannels], 0, 0.8),
      options: { ...options, groups },
      rng,
    };
  });

const estimators = ['identity', 'clip', 'approx'] as const satisfies readonly Estimator[];
const scalingGradients = ['full', 'xnor-net', 'detached'] as const satisfies readonly ScalingGradient[];

/** The convolution in float arithmetic, padded with +1, or with 0 by `conv2d` itself. */
function convolveSigns(
  signs: Tensor,
  filter: Tensor,
  { paddingValue, padding, stride, groups }: Convolution['options'],
) {
  if (paddingValue === 'zero') return conv2d(signs, filter, { padding, stride, groups });
  const border = [padding, padding] as const;
  return conv2d(pad(signs, [[0, 0], border, border, [0, 0]], { value: 1 }), filter, { stride, groups });
}

/** α = mean|W| of each filter, in ordinary ops: [filters, 1, 1, 1]. */
const alphaOf = (weight: Tensor): Tensor => mean(abs(weight), { axes: [1, 2, 3], keepDims: true });

/** Ŵ = α·sign(W), with the estimator `'clip'` for sign. */
function binarized(weight: Tensor, scalingGradient: 'full' | 'detached'): Tensor {
  const alpha = scalingGradient === 'detached' ? noGradient(() => alphaOf(weight)) : alphaOf(weight);
  return mul(alpha, signWithEstimator(weight, 'clip'));
}

/** The gradients of Σ dy·y with respect to x and W, from the same layer written in float ops. */
function expectedGradients(
  { x, weight, options }: Convolution,
  dy: Tensor,
  estimator: Estimator,
  scalingGradient: ScalingGradient,
): { x: Tensor; weight: Tensor } {
  const layer = (x: Tensor, filter: Tensor) =>
    sum(mul(convolveSigns(signWithEstimator(x, estimator), filter, options), dy));
  if (scalingGradient !== 'xnor-net') {
    return gradient(({ x, weight }: { x: Tensor; weight: Tensor }) => layer(x, binarized(weight, scalingGradient)))({
      x,
      weight,
    });
  }
  // XNOR-Net's diagonal: ∂L/∂W_i = ∂L/∂Ŵ_i · (1/n + α·1{|W_i| ≤ 1}).
  const leaf = binarized(weight, 'detached');
  const found = gradient(({ x, leaf }: { x: Tensor; leaf: Tensor }) => layer(x, leaf))({ x, leaf });
  const n = weight.size / weight.shape[0];
  const alpha = alphaOf(weight).values;
  found.leaf.values.forEach((value, i, values) => {
    values[i] = value * (1 / n + (Math.abs(weight.values[i]) <= 1 ? alpha[Math.floor(i / n)] : 0));
  });
  return { x: found.x, weight: found.leaf };
}

describe('binaryConv2d', () => {
  test.prop([convolutions], { numRuns: 80 })('is α times the convolution of signs', ({ x, weight, options }) => {
    const counts = convolveSigns(sign(x), sign(weight), options);
    const { alpha } = binarizeWeights(weight);
    const y = binaryConv2d(x, weight, options);
    expect(y.shape).toEqual(counts.shape);
    // The counts are integers in both, and their product with α is rounded once.
    expect([...y.values]).toEqual([...mul(counts, alpha).values]);
    expectClose(reshape(alpha, [-1, 1, 1, 1]), alphaOf(weight));
  });

  test.prop([convolutions, fc.constantFrom(...estimators), fc.constantFrom(...scalingGradients)], { numRuns: 80 })(
    'has the gradients of the same layer written in float ops',
    (convolution, estimator, scalingGradient) => {
      const { x, weight, options, rng } = convolution;
      const dy = rng.normal(binaryConv2d(x, weight, options).shape);
      const found = gradient(({ x, weight }: { x: Tensor; weight: Tensor }) =>
        sum(mul(binaryConv2d(x, weight, { ...options, estimator, scalingGradient }), dy)),
      )({ x, weight });
      const expected = expectedGradients(convolution, dy, estimator, scalingGradient);
      expectClose(found.x, expected.x);
      expectClose(found.weight, expected.weight);
    },
  );

  test('defaults to the estimator approx and the scaling gradient full', () => {
    const [convolution] = fc.sample(convolutions, { numRuns: 1, seed: 3 });
    const { x, weight, options } = convolution;
    const found = gradient((weight: Tensor) => sum(binaryConv2d(x, weight, options)))(weight);
    const dx = gradient((x: Tensor) => sum(binaryConv2d(x, weight, options)))(x);
    const expected = expectedGradients(convolution, ones(binaryConv2d(x, weight, options).shape), 'approx', 'full');
    expectClose(found, expected.weight);
    expectClose(dx, expected.x);
  });

  test('reports operands that do not fit', () => {
    const weight = zeros([64, 3, 3, 32]);
    weight.label = 'units.3.pointwise.weight';
    expect(() => binaryConv2d(zeros([8, 56, 56, 24]), weight)).toThrow(
      [
        'binaryConv2d: x has 24 channels, filter expects 32',
        '  x       [8, 56, 56, 24]  batch, height, width, channels',
        '  filter  [64, 3, 3, 32]   units.3.pointwise.weight',
        'Hint: channels of x must equal filter.shape[3] × groups (32 × 1).',
      ].join('\n'),
    );
    expect(() => binaryConv2d(zeros([1, 5, 5, 96]), weight, { groups: 3 })).toThrow(ShapeError);
  });
});

describe('the backward pass of binaryConv2d', () => {
  const x = Rng.fromSeed(9).normal([2, 6, 6, 64]);
  const weight = Rng.fromSeed(10).normal([4, 3, 3, 64]);

  test.each(estimators)('saves as little as possible of the activations with %s', (estimator) => {
    const calls: RecordedCall[] = [];
    withRecorder({ record: (call) => calls.push(call) }, () => binaryConv2d(x, weight, { estimator }));
    expect(calls.map(({ name }) => name)).toEqual(['binaryConv2d']);
    const ofActivations = calls[0].saved.filter(({ size }) => size === x.size);
    const floats = ofActivations.filter((tensor) => tensor instanceof Tensor);
    const bits = ofActivations.filter((tensor) => tensor instanceof BitTensor);
    expect(floats).toEqual(estimator === 'approx' ? [x] : []);
    // The signs of x and, for 'clip', the mask of |x| > 1.
    expect(bits.length).toBe(estimator === 'clip' ? 2 : 1);
  });

  test.each([
    ['identity', 1],
    ['clip', 2],
    ['approx', 1 + 32],
  ] as const)('with %s keeps %d bits per activation in memory', (estimator, bitsEach) => {
    const before = memory();
    const { value, gradients } = valueAndGradient((weight: Tensor) => {
      const entry = memory().bytes;
      // The layer is the only user of the activations, so only what its gradient rule saved survives the tidy.
      const y = tidy(() => binaryConv2d(add(x, weight.values[0]), weight, { estimator }));
      const filterBits = (weight.size / 32) * 4;
      const alphaBytes = 4 * 4;
      expect(memory().bytes - entry).toBe(y.size * 4 + filterBits + alphaBytes + (x.size * bitsEach) / 8);
      return sum(y);
    })(weight);
    dispose([value, gradients]);
    expect(memory()).toEqual(before);
  });
});

describe('scaleCounts', () => {
  test('multiplies channel by channel', () => {
    const counts = zeros([2, 2], 'i32');
    counts.values.set([1, -2, 3, -4]);
    const alpha = zeros([2]);
    alpha.values.set([0.5, 2]);
    expect([...scaleCounts(counts, alpha).values]).toEqual([0.5, -4, 1.5, -8]);
  });

  test.prop([fc.integer({ min: 1, max: 9 }), awkwardChannels, fc.nat()], { numRuns: 40 })(
    'agrees with its definition',
    (rows, channels, seed) => {
      const rng = Rng.fromSeed(seed);
      const values = Int32Array.from(rng.split('counts').uniform([rows, channels], -5000, 5000).values, Math.round);
      checkOp(
        (counts: Tensor<'i32'>, alpha: Tensor): Tensor => scaleCounts(counts, alpha),
        [tensor(values, { shape: [rows, channels] }), rng.split('alpha').normal([channels])],
        { gradient: false },
      );
    },
  );
});
