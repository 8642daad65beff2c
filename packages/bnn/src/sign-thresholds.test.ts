import './webgpu.js';
import { fc, test } from '@fast-check/vitest';
import { type BitTensor, Rng, reshape, ShapeError, type Tensor, tensor, zeros } from '@mobinet/tensor';
import { checkOp, withKernels } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import type { Counts } from './counts.js';
import { foldedOutputTransform } from './folded-output-transform.js';
import { intervalWhere, signThresholds, thresholdsOf } from './sign-thresholds.js';

/** Every possible count in all channels: [1, counts, 1, channels]. */
function allCounts(dtype: 'u8' | 'i16', signs: number, channels: number): Counts {
  const stored = dtype === 'u8' ? signs + 1 : 2 * signs + 1;
  const shape = [1, stored, 1, channels];
  const valueAt = (at: number): number => Math.floor(at / channels) - (dtype === 'u8' ? 0 : signs);
  return dtype === 'u8'
    ? tensor(
        Uint8Array.from({ length: stored * channels }, (_, at) => valueAt(at)),
        { shape },
      )
    : tensor(
        Int16Array.from({ length: stored * channels }, (_, at) => valueAt(at)),
        { shape },
      );
}

const signsOf = (counts: Counts, folded: Tensor, signs: number): BitTensor =>
  foldedOutputTransform(counts, folded, null, { signs, skipRepeats: 0, pool: null }).outputSigns;

const foldThresholds = (folded: Tensor, dtype: Counts['dtype'], signs: number): Tensor<'i16'> | null =>
  thresholdsOf((counts) => signsOf(counts, folded, signs), { channels: folded.shape[1], dtype, signs });

/** Factors of either sign and 0; outputs that cross 0 between counts, exactly at one, and beyond their range. */
const cases = fc
  .record({
    channels: fc.oneof(fc.constantFrom(8, 16, 32, 72), fc.integer({ min: 1, max: 40 })),
    size: fc.constantFrom<[dtype: 'u8' | 'i16', signs: number]>(['u8', 9], ['u8', 255], ['i16', 72], ['i16', 1024]),
    kind: fc.constantFrom('any', 'integers', 'tiny', 'zero'),
    seed: fc.nat(),
  })
  .map(({ channels, size: [dtype, signs], kind, seed }) => {
    const folded = Rng.fromSeed(seed).normal([3, channels]);
    folded.values.forEach((value, at, values) => {
      const isShift = at >= 2 * channels;
      if (kind === 'any') values[at] = isShift ? value * signs * 0.5 : value;
      if (kind === 'integers') values[at] = Math.round(isShift ? value * 20 : value * 2);
      if (kind === 'tiny') values[at] = value * 1e-42;
      if (kind === 'zero') values[at] = isShift ? value : 0;
    });
    return { counts: allCounts(dtype, signs, channels), folded, dtype, signs };
  });

describe('signThresholds', () => {
  test.prop([cases, fc.constantFrom('fast' as const, 'reference' as const)], { numRuns: 100 })(
    'has the signs of foldedOutputTransform for every possible count',
    ({ counts, folded, dtype, signs }, tier) => {
      const thresholds = foldThresholds(folded, dtype, signs);
      expect(thresholds).not.toBeNull();
      const [found, expected] = withKernels(tier, () => [
        signThresholds(counts, thresholds!),
        signsOf(counts, folded, signs),
      ]);
      expect(found.words).toEqual(expected.words);
    },
  );

  test.prop([cases], { numRuns: 60 })('agrees with its definition', ({ counts, folded, dtype, signs }) => {
    checkOp(
      (counts: Counts, thresholds: Tensor<'i16'>): BitTensor => signThresholds(counts, thresholds),
      [counts, foldThresholds(folded, dtype, signs)!],
      { gradient: false },
    );
  });

  test('holds for the largest filters', () => {
    const signs = 32767;
    const folded = tensor(Float32Array.of(1, -1, 0, 1, -1, 1, 0, 0, -32767, 32767, -0.5, -1), { shape: [3, 4] });
    const counts = allCounts('i16', signs, 4);
    const expected = signsOf(counts, folded, signs);
    expect(signThresholds(counts, foldThresholds(folded, 'i16', signs)!).words).toEqual(expected.words);
  });

  test('rejects thresholds that do not fit', () => {
    const counts = reshape(zeros([16], 'u8'), [2, 8]);
    expect(() => signThresholds(counts, zeros([3, 4], 'i16'))).toThrow(ShapeError);
  });
});

test.prop([fc.array(fc.boolean(), { minLength: 1, maxLength: 8 })])(
  'intervalWhere finds an interval or the complement of one, if there is one',
  (holds) => {
    const changes = holds.filter((value, at) => at > 0 && value !== holds[at - 1]).length;
    const interval = intervalWhere((value) => holds[value], 0, holds.length - 1);
    expect(interval === null).toBe(changes > 2);
    if (interval === null) return;
    const { from, count, isOutside } = interval;
    expect(holds).toEqual(holds.map((_, at) => (at >= from && at < from + count) !== isOutside));
  },
);
