import { fc, test } from '@fast-check/vitest';
import { dispose, Rng, setThreads, tensor, threadCount, zeros } from '@mobinet/tensor';
import { withKernels } from '@mobinet/tensor/testing';
import { afterAll, describe, expect } from 'vitest';
import { orderedSum } from './ordered-sum.js';
import { TreeSum } from './tree-sum.js';

/** Which of 1 to 16 ranks have a vector, and the length of the vectors in fours. */
const cases = fc.record({
  present: fc.array(fc.boolean(), { minLength: 1, maxLength: 16 }),
  fours: fc.constantFrom(1, 2, 7, 64, 5000),
  seed: fc.nat(),
});

const bits = (values: Float32Array): number[] => [...new Uint32Array(values.slice().buffer)];

describe('orderedSum', () => {
  const threads = threadCount();
  afterAll(() => setThreads(threads));

  test.prop([cases], { numRuns: 40 })('has the bits of its definition', async ({ present, fours, seed }) => {
    const rows = Rng.fromSeed(seed).normal([present.length, 4 * fours]);
    const expected = zeros([4 * fours]);
    withKernels('reference', () => orderedSum(rows, expected, present));
    for (const count of [1, 2]) {
      await setThreads(count);
      const sum = zeros([4 * fours]);
      orderedSum(rows, sum, present);
      expect(bits(sum.values)).toEqual(bits(expected.values));
      sum.dispose();
    }
    dispose([rows, expected]);
  });

  test.prop([
    fc.array(fc.option(fc.float({ noNaN: true })), { minLength: 8, maxLength: 8 }),
    fc.constantFrom(1, 2, 4, 8),
  ])('of the sums that ranks make of their leaves is the sum of all leaves', (leaves, ranks) => {
    const add = (left: number, right: number): number => Math.fround(left + right);
    const sumOf = (some: readonly (number | null)[]): number | null => {
      const tree = new TreeSum<number>(add);
      for (const leaf of some) tree.push(leaf);
      return tree.take();
    };
    const each = 8 / ranks;
    const sums = Array.from({ length: ranks }, (_, rank) => sumOf(leaves.slice(rank * each, (rank + 1) * each)));
    const rows = tensor(sums.map((sum) => new Array<number>(4).fill(sum ?? Number.NaN)));
    const sum = zeros([4]);
    orderedSum(
      rows,
      sum,
      sums.map((each) => each !== null),
    );
    expect(bits(sum.values)).toEqual(bits(new Float32Array(4).fill(sumOf(leaves) ?? 0)));
    dispose([rows, sum]);
  });
});
