import { fc, test } from '@fast-check/vitest';
import { BackendError, Rng, toBackend, useBackend } from '@mobinet/tensor';
import { emptyTensor, groupsOf, linear, linearWorkgroup, Shader } from '@mobinet/tensor/kernels';
import { describe, expect } from 'vitest';
import { exercise } from '../lib/exercise.js';

const { workgroupsFor, treeSum, largestOfRow } = await exercise(
  () => import('./exercise.js'),
  () => import('./solution.js'),
);

describe('1. workgroups', () => {
  const counts = fc.integer({ min: 1, max: 10_000 });

  test.prop([counts, fc.constantFrom(1, 32, 64), fc.integer({ min: 100, max: 1000 })], { numRuns: 200 })(
    'are enough, and not more than needed',
    (count, perGroup, limit) => {
      const [x, y] = workgroupsFor(count, perGroup, limit);
      const where = `${x} × ${y} workgroups of ${perGroup} for ${count} items, at most ${limit} along an axis`;
      expect(x * y * perGroup, where).toBeGreaterThanOrEqual(count);
      expect(Math.max(x, y), where).toBeLessThanOrEqual(limit);
      // One row less would not be enough even if it were full, nor would one column less.
      expect((y - 1) * limit * perGroup, where).toBeLessThan(count);
      expect((x - 1) * y * perGroup, where).toBeLessThan(count);
    },
  );
});

describe('2. the sum of a workgroup', () => {
  test('adds whole numbers', () => {
    expect(treeSum(Float32Array.from({ length: 64 }, (_, i) => i + 1))).toBe(2080);
  });

  test('adds number 0 and number 32 first', () => {
    const numbers = new Float32Array(64).fill(1);
    [numbers[0], numbers[32]] = [2 ** 24, -(2 ** 24)];
    expect(treeSum(numbers)).toBe(62);
    // Now the first addition to 2²⁴ is that of a 1, which is too small to change it.
    [numbers[1], numbers[32]] = [-(2 ** 24), 1];
    expect(treeSum(numbers)).toBe(61);
  });
});

describe('3. a shader for the maximum', () => {
  test('of each row', async ({ skip }) => {
    const main = `${linear('p.rows')}\n${largestOfRow()}`;
    try {
      await useBackend('webgpu');
    } catch (error) {
      if (!(error instanceof BackendError)) throw error;
      skip(error.message);
    }
    const shader = new Shader('exercise', {
      reads: { x: 'f32' },
      writes: { y: 'f32' },
      parameters: { rows: 'u32', columns: 'u32' },
      workgroup: linearWorkgroup,
      main,
    });
    await useBackend('cpu');
    for (const [rows, columns] of [
      [1, 1],
      [70, 5],
      [130, 100],
    ]) {
      // Negative numbers, among which 0 would be the largest.
      const x = Rng.fromSeed(columns).uniform([rows, columns], -5, -1);
      const y = emptyTensor('f32', [rows], 'y', 'webgpu');
      shader.run({ x: toBackend(x, 'webgpu') }, { y }, { rows, columns }, groupsOf(rows));
      const expected = Array.from({ length: rows }, (_, i) =>
        Math.max(...x.values.slice(i * columns, (i + 1) * columns)),
      );
      expect([...(await y.data())], `${rows} rows of ${columns} numbers`).toEqual(expected);
    }
  });
});
