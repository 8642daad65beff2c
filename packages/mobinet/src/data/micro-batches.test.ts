import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { cutBatch, microBatchSize } from './micro-batches.js';

const sizes = fc
  .record({ batchSize: fc.integer({ min: 1, max: 300 }), microBatches: fc.integer({ min: 1, max: 300 }) })
  .filter(({ batchSize, microBatches }) => microBatches <= batchSize);

test.prop([sizes, fc.double({ min: 0, max: 1, noNaN: true })])(
  'a batch is cut into as few micro-batches as can hold it, whose sizes differ by at most one image',
  (sizes, share) => {
    const count = Math.max(1, Math.round(share * sizes.batchSize));
    const pieces = cutBatch(count, sizes);
    const lengths = pieces.map(([from, to]) => to - from);
    expect(pieces.flatMap(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i))).toEqual(
      Array.from({ length: count }, (_, i) => i),
    );
    expect(Math.min(...lengths)).toBeGreaterThan(0);
    expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(microBatchSize(sizes));
    expect(pieces.length).toBeLessThanOrEqual(sizes.microBatches);
    expect((pieces.length - 1) * microBatchSize(sizes)).toBeLessThan(count);
  },
);

test('a full batch of a power of two is cut into equal parts, and a single micro-batch is the whole batch', () => {
  expect(cutBatch(8, { batchSize: 8, microBatches: 4 })).toEqual([
    [0, 2],
    [2, 4],
    [4, 6],
    [6, 8],
  ]);
  expect(cutBatch(5, { batchSize: 8, microBatches: 1 })).toEqual([[0, 5]]);
  // As few micro-batches as can hold the images, in even sizes.
  expect(cutBatch(3, { batchSize: 8, microBatches: 4 })).toEqual([
    [0, 1],
    [1, 3],
  ]);
});
