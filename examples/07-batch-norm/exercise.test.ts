import { fc, test } from '@fast-check/vitest';
import { checkGradient } from '@mobinet/autograd';
import { batchNormEval, matmul, Rng, batchNorm as referenceBatchNorm, sign, type Tensor } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import { exercise } from '../lib/exercise.js';
import type { Statistics } from './exercise.js';

const { batchNorm, fold, thresholds } = await exercise(
  () => import('./exercise.js'),
  () => import('./solution.js'),
);

const channels = 4;
const epsilon = 1e-5;
const seeds = fc.integer({ min: 0, max: 1000 });

/** Random statistics. A γ may be negative, but is not close to 0. */
function statistics(rng: Rng): Statistics {
  const normal = (name: string): Tensor => rng.split(name).normal([channels]);
  const gamma = normal('gamma');
  gamma.values.forEach((value, c) => {
    gamma.values[c] = value < 0 ? value - 0.5 : value + 0.5;
  });
  return { gamma, beta: normal('beta'), mean: normal('mean'), variance: normal('variance').square(), epsilon };
}

/** Expects the same shape, and elements that differ by at most 1e-3. */
function expectEqual(actual: Tensor, expected: Tensor): void {
  expect(actual.shape).toEqual(expected.shape);
  actual.values.forEach((value, at) => {
    expect(Math.abs(value - expected.values[at]), `element ${at} is ${value}, not ${expected.values[at]}`).toBeLessThan(
      1e-3,
    );
  });
}

describe('exercise 1: batchNorm', () => {
  test.prop([seeds], { numRuns: 20 })('is what the library computes', (seed) => {
    const rng = Rng.fromSeed(seed);
    const x = rng.split('x').normal([20, channels], 3, 2);
    const { gamma, beta } = statistics(rng);
    expectEqual(batchNorm(x, gamma, beta, epsilon), referenceBatchNorm(x, gamma, beta, { epsilon }).output);
  });

  test('has a gradient, since it is made of tensor operations', () => {
    const rng = Rng.fromSeed(7);
    const { gamma, beta } = statistics(rng);
    const x = rng.split('x').normal([5, channels]);
    checkGradient((x, gamma, beta) => batchNorm(x, gamma, beta, 0.1), [x, gamma, beta]);
  });
});

describe('exercise 2: fold', () => {
  test.prop([seeds], { numRuns: 20 })('gives one layer that does what two did', (seed) => {
    const rng = Rng.fromSeed(seed);
    const norm = statistics(rng);
    const [weight, bias] = [rng.split('weight').normal([channels, 3]), rng.split('bias').normal([channels])];
    const x = rng.split('x').normal([10, 3]);
    const both = batchNormEval(matmul(x, weight, { transposeB: true }).add(bias), norm);
    const folded = fold({ weight, bias }, norm);
    expectEqual(matmul(x, folded.weight, { transposeB: true }).add(folded.bias), both);
  });
});

describe('exercise 3: thresholds', () => {
  test.prop([seeds], { numRuns: 20 })('say which sign comes out', (seed) => {
    const rng = Rng.fromSeed(seed);
    const norm = statistics(rng);
    const x = rng.split('x').normal([50, channels], 0, 3);
    const signs = sign(batchNormEval(x, norm)).values;
    const found = thresholds(norm);
    x.values.forEach((value, at) => {
      const { threshold, positive } = found[at % channels];
      // Next to the threshold, rounding decides.
      if (Math.abs(value - threshold) < 1e-3) return;
      const isPositive = value > threshold === (positive === 'above');
      expect(isPositive ? 1 : -1, `the sign for x = ${value} in channel ${at % channels}`).toBe(signs[at]);
    });
  });
});
