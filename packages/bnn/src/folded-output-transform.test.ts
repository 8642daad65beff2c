import './webgpu.js';
import { fc, test } from '@fast-check/vitest';
import {
  affine,
  avgPool2d,
  type BitTensor,
  concat,
  maxPool2d,
  minPool2d,
  mul,
  prelu,
  Rng,
  ShapeError,
  type Tensor,
  tensor,
  unpackBits,
  zeros,
} from '@mobinet/tensor';
import { checkOp, withKernels } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import type { Counts } from './counts.js';
import { expectClose } from './expect-close.test.helper.js';
import {
  type FoldedOutputTransformResult,
  foldedOutputTransform,
  foldOutputTransform,
} from './folded-output-transform.js';
import type { OutputPool } from './folded-output-transform-attributes.js';
import { randomCounts } from './random-counts.test.helper.js';
import { scaleCounts } from './scale-counts.js';

/**
 * Channels that the kernel takes, eight at a time, and those left to the definition; odd sizes, whose last row or
 * column no pool covers.
 */
const cases = fc
  .record({
    batch: fc.integer({ min: 1, max: 3 }),
    height: fc.integer({ min: 2, max: 7 }),
    width: fc.integer({ min: 2, max: 7 }),
    skipChannels: fc.oneof(fc.constantFrom(8, 16, 32, 40), fc.integer({ min: 1, max: 40 })),
    skipRepeats: fc.constantFrom(0, 1, 2, 3),
    size: fc.constantFrom<[dtype: 'u8' | 'i16', signs: number]>(['u8', 9], ['u8', 255], ['i16', 9], ['i16', 4608]),
    pool: fc.constantFrom<OutputPool | null>(null, null, 'average', 'max', 'min'),
    activation: fc.constantFrom('prelu', 'relu'),
    rng: fc.nat().map((seed) => Rng.fromSeed(seed)),
  })
  .map(({ batch, height, width, skipChannels, skipRepeats, size: [dtype, signs], pool, activation, rng }) => {
    const channels = skipChannels * Math.max(1, skipRepeats);
    const shape = [batch, height, width, channels];
    const counts = randomCounts(rng.split('counts'), shape, dtype, signs);
    return {
      counts,
      segment: {
        alpha: rng.split('alpha').uniform([channels], 0.2 / Math.sqrt(signs), 0.6 / Math.sqrt(signs)),
        slope: activation === 'prelu' ? rng.split('slope').normal([channels], 0.25, 0.5) : null,
        scale: rng.split('scale').normal([channels]),
        shift: rng.split('shift').normal([channels]),
      },
      skip: skipRepeats > 0 ? rng.split('skip').normal([batch, height, width, skipChannels]) : null,
      attributes: { signs, skipRepeats, pool },
    };
  });

const resultOf = ({ counts, segment, skip, attributes }: typeof cases extends fc.Arbitrary<infer T> ? T : never) =>
  foldedOutputTransform(counts, foldOutputTransform(segment), skip, attributes);

describe('foldedOutputTransform', () => {
  test.prop([cases, fc.constantFrom<keyof FoldedOutputTransformResult>('output', 'outputSigns')], { numRuns: 150 })(
    'agrees with its definition, to the last bit',
    ({ counts, segment, skip, attributes }, which) => {
      checkOp(
        (counts: Counts, folded: Tensor, ...[skip]: Tensor[]): Tensor | BitTensor =>
          foldedOutputTransform(counts, folded, skip ?? null, attributes)[which],
        [counts, foldOutputTransform(segment), ...(skip ? [skip] : [])],
        { gradient: false, tolerance: 0 },
      );
    },
  );

  test.prop([cases, fc.constantFrom('fast' as const, 'reference' as const)], { numRuns: 80 })(
    'equals scaling, activation, normalization, skip and pool in sequence',
    (given, tier) => {
      const { counts, segment, skip, attributes } = given;
      const { signs, skipRepeats, pool } = attributes;
      const { alpha, slope, scale, shift } = segment;
      const dots = tensor(
        Float32Array.from(counts.values, (count) => (counts.dtype === 'u8' ? signs - 2 * count : count)),
        { shape: counts.shape },
      );
      const y = affine(prelu(mul(dots, alpha), slope ?? zeros([alpha.size])), scale, shift);
      const skipped = skip
        ? y.add(
            concat(
              Array.from({ length: skipRepeats }, () => skip),
              -1,
            ),
          )
        : y;
      const expected = pool ? pools[pool](skipped, { window: 2 }) : skipped;
      const { output, outputSigns } = withKernels(tier, () => resultOf(given));
      expectClose(output, expected);
      expect(unpackBits(outputSigns).values).toEqual(output.values.map((value) => (value < 0 ? -1 : 1)));
    },
  );

  test.prop([cases], { numRuns: 40 })(
    'takes the result of foldOutputTransform, which agrees with its definition',
    ({ segment }) => {
      const { alpha, slope, scale, shift } = segment;
      checkOp(
        (alpha: Tensor, scale: Tensor, shift: Tensor, ...[slope]: Tensor[]): Tensor =>
          foldOutputTransform({ alpha, slope: slope ?? null, scale, shift }),
        [alpha, scale, shift, ...(slope ? [slope] : [])],
        { gradient: false, tolerance: 0 },
      );
    },
  );

  test('rejects operands that do not fit', () => {
    const counts = zeros([1, 4, 4, 8], 'u8');
    const attributes = { signs: 9, skipRepeats: 0, pool: null };
    expect(() => foldedOutputTransform(counts, zeros([2, 8]), null, attributes)).toThrow(ShapeError);
    expect(() => foldedOutputTransform(counts, zeros([3, 8]), zeros([1, 4, 4, 8]), attributes)).toThrow(ShapeError);
    expect(() =>
      foldedOutputTransform(counts, zeros([3, 8]), zeros([1, 4, 4, 8]), { ...attributes, skipRepeats: 2 }),
    ).toThrow(/foldedOutputTransform: the operands do not fit/);
  });
});

const pools = { average: avgPool2d, max: maxPool2d, min: minPool2d };

describe('counts', () => {
  const ones = (shape: number[]) => tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(1), { shape });

  test('of another dtype, or without an alpha for each channel, are rejected by scaleCounts', () => {
    const counts = tensor(Int32Array.of(1, 2, 3, 4), { shape: [2, 2] });
    expect([...scaleCounts(counts, ones([2])).values]).toEqual([1, 2, 3, 4]);
    expect(() => scaleCounts(tensor(Uint8Array.of(1, 2), { shape: [1, 2] }) as never, ones([2]))).toThrow(
      'scaleCounts: the counts must be i32, not u8',
    );
    for (const shape of [[1], [4], [1, 2], []]) expect(() => scaleCounts(counts, ones(shape))).toThrow(ShapeError);
  });

  test('of four bytes are left to the definition of foldedOutputTransform', () => {
    const values = Int32Array.from({ length: 8 }, (_, c) => c - 4);
    const skip = ones([1, 1, 1, 8]);
    const folded = ones([3, 8]);
    const attributes = { signs: 9, skipRepeats: 1, pool: null };
    const [wide, narrow] = [values, Int16Array.from(values)].map((values) =>
      foldedOutputTransform(tensor(values, { shape: [1, 1, 1, 8] }) as Counts, folded, skip, attributes),
    );
    expect(wide.output.values).toEqual(narrow.output.values);
    expect(wide.outputSigns.words).toEqual(narrow.outputSigns.words);
  });
});
