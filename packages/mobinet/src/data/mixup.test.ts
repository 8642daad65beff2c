import { Rng } from '@mobinet/tensor';
import { expect, test } from 'vitest';
import { drawShare, mixWithNext } from './mixup.js';

test.each([0.1, 0.4, 1, 3])('shares have the moments and the shape of Beta(α, α), α = %d', (alpha) => {
  const rng = Rng.fromSeed(1);
  const shares = Array.from({ length: 20_000 }, (_, index) => drawShare(alpha, rng.split(index)));
  const mean = (of: (share: number) => number): number => shares.reduce((sum, share) => sum + of(share), 0) / 20_000;
  expect(Math.min(...shares)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...shares)).toBeLessThanOrEqual(1);
  // The tolerances are above five standard errors.
  expect(Math.abs(mean((share) => share) - 0.5)).toBeLessThan(0.018);
  // E[(2x − 1)²] = 1 / (2α + 1), and E[(2x − 1)⁴] = 3 / ((2α + 1)(2α + 3)).
  expect(Math.abs(mean((share) => (2 * share - 1) ** 2) - 1 / (2 * alpha + 1))).toBeLessThan(0.012);
  const fourth = 3 / ((2 * alpha + 1) * (2 * alpha + 3));
  expect(Math.abs(mean((share) => (2 * share - 1) ** 4) - fourth)).toBeLessThan(0.014);
});

test('Beta(1, 1) is uniform', () => {
  const rng = Rng.fromSeed(2);
  const counts = new Array(10).fill(0);
  for (let index = 0; index < 10_000; index++) counts[Math.min(9, Math.floor(10 * drawShare(1, rng)))]++;
  // A count has a standard deviation of 30.
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
});

test('a tiny α gives whole images, without a NaN', () => {
  const rng = Rng.fromSeed(3);
  const shares = Array.from({ length: 1000 }, () => drawShare(1e-3, rng));
  expect(shares.every((share) => share >= 0 && share <= 1)).toBe(true);
  expect(shares.filter((share) => share > 0.01 && share < 0.99).length).toBeLessThan(50);
});

test('each image is mixed with the next one as it was before', () => {
  const images = Float32Array.of(0, 4, 8, 16, 100, 200);
  mixWithNext(images, Float32Array.of(0, 8), 0.75);
  expect([...images]).toEqual([2, 7, 31, 62, 75, 152]);
});
