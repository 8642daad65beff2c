import { fc, test } from '@fast-check/vitest';
import { Rng } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import { eraseRectangle, erasingDefaults, type RandomErasing } from './random-erasing.js';

/** An example of nines after erasing. */
function erased(size: number, changes: Partial<RandomErasing>, rng: Rng): Float32Array {
  const example = new Float32Array(size * size * 3).fill(9);
  eraseRectangle(example, size, { ...erasingDefaults, probability: 1, ...changes }, rng);
  return example;
}

describe('eraseRectangle', () => {
  test.prop([fc.integer({ min: 1, max: 24 }), fc.nat()])('erases all channels of one rectangle', (size, seed) => {
    const example = erased(size, {}, Rng.fromSeed(seed));
    const inside: [row: number, column: number][] = [];
    for (let pixel = 0; pixel < size * size; pixel++) {
      const values = [...example.subarray(3 * pixel, 3 * pixel + 3)];
      expect([
        [0, 0, 0],
        [9, 9, 9],
      ]).toContainEqual(values);
      if (values[0] === 0) inside.push([Math.floor(pixel / size), pixel % size]);
    }
    const sides = [0, 1].map((axis) => new Set(inside.map((position) => position[axis])));
    expect(inside.length).toBe(sides[0].size * sides[1].size);
    for (const side of sides) {
      if (side.size > 0) expect(Math.max(...side) - Math.min(...side) + 1).toBe(side.size);
      expect(side.size).toBeLessThan(size);
    }
  });

  test('erases with the probability, 2 to 33 % of the area, uniformly', () => {
    const shares = Array.from({ length: 2000 }, (_, i) => {
      const example = erased(64, { probability: 0.25 }, Rng.fromSeed(3).split(i));
      return example.filter((value) => value === 0).length / example.length;
    }).filter((share) => share > 0);
    // 500 ± 19 are expected, and a mean of 0.175 ± 0.004.
    expect(Math.abs(shares.length - 500)).toBeLessThan(60);
    expect(Math.min(...shares)).toBeGreaterThan(0.018);
    expect(Math.max(...shares)).toBeLessThan(0.34);
    expect(Math.abs(shares.reduce((sum, share) => sum + share, 0) / shares.length - 0.175)).toBeLessThan(0.015);
  });

  test('never erases with a probability of 0, nor a rectangle that does not fit', () => {
    expect(new Set(erased(8, { probability: 0 }, Rng.fromSeed(1)))).toEqual(new Set([9]));
    expect(new Set(erased(8, { scale: [1, 1] }, Rng.fromSeed(1)))).toEqual(new Set([9]));
  });

  test('fills with standard normal numbers if requested', () => {
    const example = erased(200, { value: 'random', scale: [0.3, 0.3], ratio: [1, 1] }, Rng.fromSeed(1));
    const values = example.filter((value) => value !== 9);
    expect(values.length).toBe(110 * 110 * 3);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(mean).toBeCloseTo(0, 1);
    expect(variance).toBeCloseTo(1, 1);
  });
});
