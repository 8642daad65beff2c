import { fc, test } from '@fast-check/vitest';
import { gradient } from '@mobinet/autograd';
import {
  add,
  batchNorm,
  concat,
  mul,
  ones,
  prelu,
  Rng,
  ShapeError,
  sum,
  type Tensor,
  tensor,
  zeros,
} from '@mobinet/tensor';
import { checkOp, withKernels } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import type { Counts } from './counts.js';
import { expectClose } from './expect-close.test.helper.js';
import {
  type ScalePreluBatchNormGradients,
  type ScalePreluBatchNormResult,
  scalePreluBatchNorm,
  scalePreluBatchNormGradient,
} from './scale-prelu-batch-norm.js';
import type {
  GradientInputs,
  ScalePreluBatchNormAttributes,
  ScalePreluBatchNormInputs,
} from './scale-prelu-batch-norm-attributes.js';

/** Counts of filters with `signs` weights, stored as i16, or as u8 in the form of numbers of differing signs. */
function inBits(bits: 8 | 16, counts: ArrayLike<number>, shape: readonly number[], signs: number): Counts {
  if (bits === 16) return tensor(Int16Array.from(counts), { shape });
  return tensor(
    Uint8Array.from(counts, (count) => (signs - count) / 2),
    { shape },
  );
}

/** The counts as floats. */
const productsOf = ({ dtype, shape, values }: Counts, signs: number): Tensor =>
  tensor(
    Float32Array.from(values, (value) => (dtype === 'u8' ? signs - 2 * value : value)),
    { shape },
  );

/** Counts distributed like those of random signs, with some of the largest magnitude. */
function countsOf(rng: Rng, shape: readonly number[], signs: number, bits: 8 | 16): Counts {
  const values = rng.split('counts').normal(shape, 0, Math.sqrt(signs)).values;
  const choices = rng.split('choices').uniform(shape, 0, 40).values;
  const counts = values.map((value, at) => {
    const differences = Math.round((signs - value) / 2);
    const likely = signs - 2 * Math.max(0, Math.min(signs, differences));
    return choices[at] < 1 ? signs : choices[at] < 2 ? -signs : likely;
  });
  return inBits(bits, counts, shape, signs);
}

/** Channels that the kernels take, eight at a time, and those left to the definition; full and partial blocks; long rows. */
const cases = fc
  .record({
    skipChannels: fc.oneof(fc.constantFrom(8, 16, 24, 40, 128), fc.integer({ min: 1, max: 40 })),
    skipRepeats: fc.constantFrom(0, 1, 2, 3),
    pixels: fc.oneof(fc.constantFrom(1, 2, 3, 127, 128, 129, 257, 300), fc.integer({ min: 1, max: 300 })),
    size: fc.constantFrom<[signs: number, bits: 8 | 16]>(
      ...([1, 9, 72, 255].map((signs) => [signs, 8]) as [number, 8][]),
      ...([9, 72, 576, 4608, 16000].map((signs) => [signs, 16]) as [number, 16][]),
    ),
    rng: fc.nat().map((seed) => Rng.fromSeed(seed)),
  })
  .map(({ skipChannels, skipRepeats, pixels, size: [signs, bits], rng }) => {
    const channels = skipChannels * Math.max(1, skipRepeats);
    return {
      counts: countsOf(rng, [pixels, channels], signs, bits),
      alpha: rng.split('alpha').uniform([channels], 0.2 / Math.sqrt(signs), 0.6 / Math.sqrt(signs)),
      slope: rng.split('slope').normal([channels], 0.25, 0.5),
      gamma: rng.split('gamma').normal([channels]),
      beta: rng.split('beta').normal([channels]),
      skip: rng.split('skip').normal([pixels, skipChannels]),
      dy: rng.split('dy').normal([pixels, channels]),
      // A large ε keeps a channel of one pixel from amplifying rounding errors.
      attributes: { signs, skipRepeats, epsilon: 0.1 },
    };
  });

type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;
const check = { gradient: false, tolerance: 1e-4 } as const;

const statisticsOf = ({ counts, attributes, ...parameters }: Case) =>
  withKernels('reference', () => scalePreluBatchNorm(counts, parameters, null, { ...attributes, skipRepeats: 0 }));

describe('scalePreluBatchNorm', () => {
  test.prop([cases, fc.constantFrom<keyof ScalePreluBatchNormResult>('output', 'mean', 'variance')], { numRuns: 120 })(
    'agrees with its definition in output and statistics',
    ({ counts, alpha, slope, gamma, beta, skip, attributes }, output) => {
      const skips = attributes.skipRepeats > 0;
      checkOp(
        (...[counts, alpha, slope, gamma, beta, ...[skip]]: ScalePreluBatchNormInputs) =>
          scalePreluBatchNorm(counts, { alpha, slope, gamma, beta }, skip ?? null, attributes)[output],
        [counts, alpha, slope, gamma, beta, ...(skips ? [skip] : [])],
        check,
      );
    },
  );

  test.prop([cases, fc.constantFrom('fast' as const, 'reference' as const)], { numRuns: 80 })(
    'equals scaling, prelu, batchNorm and adding the repeated skip, in sequence',
    ({ counts, alpha, slope, gamma, beta, skip, attributes }, tier) => {
      const { signs, skipRepeats, epsilon } = attributes;
      const normalized = batchNorm(prelu(mul(productsOf(counts, signs), alpha), slope), gamma, beta, { epsilon });
      const repeats = Array.from({ length: skipRepeats }, () => skip);
      const expected = skipRepeats > 0 ? add(normalized.output, concat(repeats, -1)) : normalized.output;
      const found = withKernels(tier, () =>
        scalePreluBatchNorm(counts, { alpha, slope, gamma, beta }, skipRepeats > 0 ? skip : null, attributes),
      );
      expectClose(found.output, expected);
      expectClose(found.mean, normalized.mean);
      expectClose(found.variance, normalized.variance);
    },
  );

  const tiersAndBits = (['fast', 'reference'] as const).flatMap((tier) => [
    { tier, bits: 16 as const, signs: 32767 },
    { tier, bits: 8 as const, signs: 255 },
  ]);

  test.each(tiersAndBits)('sums the largest counts without overflow ($tier, $bits bits)', ({ tier, bits, signs }) => {
    const values = Array.from({ length: 200 * 8 }, (_, at) => (at % 16 < 8 ? signs : -signs));
    const counts = inBits(bits, values, [200, 8], signs);
    const vectors = { alpha: ones([8]), slope: ones([8]), gamma: ones([8]), beta: zeros([8]) };
    const attributes = { signs, skipRepeats: 0, epsilon: 1e-5 };
    const { output, mean, variance } = withKernels(tier, () => scalePreluBatchNorm(counts, vectors, null, attributes));
    expect([...mean.values]).toEqual(new Array(8).fill(0));
    expect([...variance.values]).toEqual(new Array(8).fill(Math.fround(signs ** 2)));
    expect([...output.values.subarray(0, 16)]).toEqual([...new Array(8).fill(1), ...new Array(8).fill(-1)]);
  });

  test.each(tiersAndBits)('outputs β for a channel that does not vary ($tier, $bits bits)', ({ tier, bits }) => {
    const counts = inBits(bits, new Array<number>(50 * 8).fill(72), [50, 8], 72);
    const vectors = { alpha: mul(ones([8]), 0.03), slope: zeros([8]), gamma: ones([8]), beta: mul(ones([8]), 0.5) };
    const attributes = { signs: 72, skipRepeats: 0, epsilon: 1e-5 };
    const { output, variance } = withKernels(tier, () => scalePreluBatchNorm(counts, vectors, null, attributes));
    expect([...variance.values]).toEqual(new Array(8).fill(0));
    // 1/√ε amplifies the rounding error.
    for (const value of output.values) expect(Math.abs(value - 0.5)).toBeLessThan(1e-4);
  });

  /** Counts on which rounding errors or overflow would show first. */
  const extremes: [description: string, signs: number, count: (pixel: number) => number][] = [
    ['the largest counts', 32767, (pixel) => (pixel % 2 === 0 ? 32767 : -32767)],
    ['channels that do not vary', 4608, () => 4608],
    ['channels that hardly vary', 576, (pixel) => 576 - 2 * Number(pixel % 3 === 0)],
    ['channels whose first count is an outlier', 4608, (pixel) => (pixel === 0 ? 4608 : (pixel % 7) * 20 - 60)],
  ];

  test.each(
    extremes.flatMap(([description, ...rest]) =>
      (['output', 'mean', 'variance'] as const).map((output) => [output, description, ...rest] as const),
    ),
  )('agrees with its definition in the %s of %s', (output, _, signs, count) => {
    const [pixels, channels] = [600, 8];
    const counts = Array.from({ length: pixels * channels }, (_, at) => count(Math.floor(at / channels)));
    const [alpha, slope, gamma, beta] = [0.01, 0.25, 1, 0].map((value) => mul(ones([channels]), value));
    checkOp(
      (counts: Counts, alpha: Tensor, slope: Tensor, gamma: Tensor, beta: Tensor) =>
        scalePreluBatchNorm(counts, { alpha, slope, gamma, beta }, null, { signs, skipRepeats: 0, epsilon: 1e-3 })[
          output
        ],
      [inBits(16, counts, [pixels, channels], signs), alpha, slope, gamma, beta],
      check,
    );
  });

  test('reports operands that do not fit', () => {
    const counts = zeros([10, 8], 'i16');
    const vectors = { alpha: ones([8]), slope: zeros([8]), gamma: ones([8]), beta: zeros([8]) };
    const attributes = { signs: 9, skipRepeats: 2, epsilon: 1e-5 };
    expect(() => scalePreluBatchNorm(counts, vectors, zeros([10, 8]), attributes)).toThrow(ShapeError);
    expect(() => scalePreluBatchNorm(counts, { ...vectors, beta: zeros([4]) }, null, attributes)).toThrow(
      /^scalePreluBatchNorm: the operands do not fit\n[\s\S]*beta {4}\[4\]/,
    );
  });
});

/** `scalePreluBatchNormGradient` of the inputs of its op. */
const gradientsOf = (
  [dy, counts, alpha, slope, gamma, mean, variance]: GradientInputs,
  attributes: ScalePreluBatchNormAttributes,
) => scalePreluBatchNormGradient(dy, counts, { alpha, slope, gamma }, { mean, variance }, attributes);

describe('scalePreluBatchNormGradient', () => {
  const outputs = ['dz', 'dslope', 'dgamma', 'dbeta'] as const satisfies (keyof ScalePreluBatchNormGradients)[];

  test.prop([cases, fc.constantFrom(...outputs)], { numRuns: 120 })('agrees with its definition', (all, output) => {
    const { dy, counts, alpha, slope, gamma, attributes } = all;
    const { mean, variance } = statisticsOf(all);
    checkOp(
      (...inputs: GradientInputs) => gradientsOf(inputs, attributes)[output],
      [dy, counts, alpha, slope, gamma, mean, variance],
      check,
    );
  });

  test.prop([cases, fc.constantFrom('fast' as const, 'reference' as const)], { numRuns: 80 })(
    'equals the gradient of prelu and batchNorm',
    (all, tier) => {
      const { dy, counts, alpha, slope, gamma, beta, attributes } = all;
      const normalize = (inputs: { z: Tensor; slope: Tensor; gamma: Tensor; beta: Tensor }) => {
        const { output } = batchNorm(prelu(inputs.z, inputs.slope), inputs.gamma, inputs.beta, {
          epsilon: attributes.epsilon,
        });
        return sum(mul(output, dy));
      };
      const expected = gradient(normalize)({ z: mul(productsOf(counts, attributes.signs), alpha), slope, gamma, beta });
      const found = withKernels(tier, () =>
        scalePreluBatchNormGradient(dy, counts, { alpha, slope, gamma }, statisticsOf(all), attributes),
      );
      expectClose(found.dz, expected.z, 1);
      expectClose(found.dslope, expected.slope, 1);
      expectClose(found.dgamma, expected.gamma, 1);
      expectClose(found.dbeta, expected.beta, 1);
    },
  );

  test.prop(
    [
      cases,
      fc.integer({ min: -45, max: -20 }),
      fc.constantFrom('dy' as const, 'gamma' as const),
      fc.constantFrom('fast' as const, 'reference' as const),
    ],
    { numRuns: 120 },
  )('with respect to the counts is 0 where it would be tiny, so never denormal', (all, exponent, factor, tier) => {
    const { dy, counts, alpha, slope, gamma, attributes } = all;
    // Two of three channels have tiny gradients.
    all[factor].values.forEach((value, at, values) => {
      values[at] = (at % gamma.size) % 3 === 0 ? value : value * 10 ** exponent;
    });
    const { dz } = withKernels(tier, () =>
      scalePreluBatchNormGradient(dy, counts, { alpha, slope, gamma }, statisticsOf(all), attributes),
    );
    const tiny = dz.values.filter((value) => value !== 0 && Math.abs(value) < 0.999e-30);
    expect([...tiny]).toEqual([]);
  });

  test.each(['dz', 'dslope'] as const)('agrees with its definition over many pixels in %s', (output) => {
    const [shape, signs] = [[70_000, 3], 72];
    const rng = Rng.fromSeed(5);
    const [alpha, slope, gamma, mean, variance] = [0.05, 0.25, 1.5, 0.1, 0.09].map((value) => mul(ones([3]), value));
    checkOp(
      (...inputs: GradientInputs) => gradientsOf(inputs, { signs, epsilon: 1e-5, skipRepeats: 0 })[output],
      [rng.split('dy').normal(shape), countsOf(rng, shape, signs, 8), alpha, slope, gamma, mean, variance],
      check,
    );
  });

  test('with respect to the counts is flushed as in the definition', () => {
    const shape = [20, 8];
    const signs = 9;
    const counts = countsOf(Rng.fromSeed(1), shape, signs, 8);
    const dy = Rng.fromSeed(2).normal(shape, 0, 1e-30);
    const [alpha, slope, gamma, mean, variance] = [1, 0.5, 1, 0, 1].map((value) => mul(ones([8]), value));
    checkOp(
      (...inputs: GradientInputs) => {
        const { dz } = gradientsOf(inputs, { signs, epsilon: 1e-5, skipRepeats: 0 });
        // About half of the gradients are below the limit of flushing.
        return mul(dz, 1e30);
      },
      [dy, counts, alpha, slope, gamma, mean, variance],
      check,
    );
  });

  test.each(['fast', 'reference'] as const)('with respect to the counts keeps NaN beside tiny values (%s)', (tier) => {
    const [pixels, channels, signs] = [20, 8, 9];
    const counts = countsOf(Rng.fromSeed(1), [pixels, channels], signs, 8);
    const dy = Rng.fromSeed(2).normal([pixels, channels], 0, 1e-33);
    for (const channel of [1, 6]) dy.values[3 * channels + channel] = channel === 1 ? Number.NaN : -Number.NaN;
    const vectors = { alpha: ones([channels]), slope: mul(ones([channels]), 0.5), gamma: ones([channels]) };
    const statistics = { mean: zeros([channels]), variance: ones([channels]) };
    const { dz } = withKernels(tier, () =>
      scalePreluBatchNormGradient(dy, counts, vectors, statistics, { signs, epsilon: 1e-5, skipRepeats: 0 }),
    );
    const row = [0, Number.NaN, 0, 0, 0, 0, Number.NaN, 0];
    expect([...dz.values].map(Math.abs)).toEqual(Array.from({ length: pixels }, () => row).flat());
  });
});
