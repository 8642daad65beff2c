import { fc, test } from '@fast-check/vitest';
import { Rng, tensor } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import { countTopK } from './evaluate.js';

async function count(rows: readonly (readonly number[])[], labels: readonly number[], k: number): Promise<number> {
  const logits = tensor(Float32Array.from(rows.flat()), { shape: [rows.length, rows[0].length] });
  const targets = tensor(Int32Array.from(labels), { dtype: 'i32' });
  const hits = await countTopK(logits, targets, k);
  logits.dispose();
  targets.dispose();
  return hits;
}

describe('countTopK', () => {
  test('counts the rows whose label is among the k highest', async () => {
    const rows = [
      [0.1, 0.9, 0.5, -3],
      [4, 3, 2, 1],
    ];
    const hitsFor = (labels: number[]) => Promise.all([1, 2, 3, 4].map((k) => count(rows, labels, k)));
    expect(await hitsFor([1, 0])).toEqual([2, 2, 2, 2]);
    expect(await hitsFor([2, 2])).toEqual([0, 1, 2, 2]);
    expect(await hitsFor([3, 3])).toEqual([0, 0, 0, 2]);
  });

  test('ranks the first of equal scores highest, so that a constant network is no better than chance', async () => {
    const constant = Array.from({ length: 4 }, () => [1, 1, 1, 1]);
    for (const k of [1, 2, 3]) expect(await count(constant, [0, 1, 2, 3], k)).toBe(k);
  });

  test('counts every row if k exceeds the number of classes, except where the score is NaN', async () => {
    expect(await count([[3, 1, 2]], [1], 5)).toBe(1);
    expect(await count([[3, Number.NaN, 2]], [1], 5)).toBe(0);
  });

  test.prop([fc.nat(1000), fc.integer({ min: 1, max: 7 })], { numRuns: 30 })(
    'agrees with sorting the scores',
    async (seed, k) => {
      const rng = Rng.fromSeed(seed);
      const rows = Array.from({ length: 5 }, () => Array.from({ length: 6 }, () => rng.integer(4)));
      const labels = rows.map(() => rng.integer(6));
      const expected = rows.filter((row, i) => {
        const order = [...row.keys()].sort((a, b) => row[b] - row[a] || a - b);
        return order.slice(0, k).includes(labels[i]);
      }).length;
      expect(await count(rows, labels, k)).toBe(expected);
    },
  );
});
