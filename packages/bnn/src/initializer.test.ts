import { Rng } from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import { latentNormal } from './initializer.js';

describe('latentNormal', () => {
  test('is normal with standard deviation 0.03 for any fan-in', () => {
    for (const shape of [
      [100, 100],
      [10, 3, 3, 100],
    ]) {
      const { values } = latentNormal(Rng.fromSeed(1), shape);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
      expect(Math.abs(mean)).toBeLessThan(0.002);
      expect(Math.sqrt(variance)).toBeCloseTo(0.03, 3);
    }
  });
});
