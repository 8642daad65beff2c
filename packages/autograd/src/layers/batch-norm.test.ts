import { test } from '@fast-check/vitest';
import { Rng, type Tensor, tensor, zeros } from '@mobinet/tensor';
import { tensors, withKernels } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { BatchNorm2d } from './batch-norm.js';

/** Mean and variance of each channel. The variance is divided by count − correction. */
function statistics(x: Tensor, correction: number): [mean: number, variance: number][] {
  const channels = x.shape[x.rank - 1];
  return Array.from({ length: channels }, (_, c) => {
    const values = [...x.values].filter((_, at) => at % channels === c);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return [mean, values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - correction)];
  });
}

describe('BatchNorm2d', () => {
  test('scales by its initial γ, and refuses one outside of [0, 1]', () => {
    const x = Rng.fromSeed(2).normal([4, 3, 3, 2], 5, 3);
    const y = new BatchNorm2d(2, { gamma: 0.25 }).forward(x);
    for (const [mean, variance] of statistics(y, 0)) {
      expect(mean).toBeCloseTo(0, 5);
      expect(variance).toBeCloseTo(0.25 ** 2, 4);
    }
    expect(() => new BatchNorm2d(2, { gamma: 2 })).toThrow(/^BatchNorm2d: gamma must be a number from 0 to 1, not 2$/);
  });

  test.prop([tensors([2, 3, 2, 3]), tensors([1, 2, 2, 3])], { numRuns: 30 })(
    'moves its running statistics as PyTorch does, by the momentum and towards the unbiased variance',
    (first, second) => {
      const norm = new BatchNorm2d(3, { momentum: 0.25 });
      let expected: [number, number][] = [
        [0, 1],
        [0, 1],
        [0, 1],
      ];
      for (const x of [first, second]) {
        norm.forward(x);
        const batch = statistics(x, 1);
        expected = expected.map(([mean, variance], c) => [
          0.75 * mean + 0.25 * batch[c][0],
          0.75 * variance + 0.25 * batch[c][1],
        ]);
      }
      expected.forEach(([mean, variance], c) => {
        expect(norm.runningMean.values[c]).toBeCloseTo(mean, 5);
        expect(norm.runningVariance.values[c]).toBeCloseTo(variance, 5);
      });
    },
  );

  test('agrees with an example worked out by hand', () => {
    // The mean is 3. The squared distances 4, 1, 0 and 9 give a biased variance of 14/4 and an unbiased one of 14/3.
    const norm = new BatchNorm2d(1);
    const y = norm.forward(tensor([1, 2, 3, 6], { shape: [1, 2, 2, 1] }));
    expect(norm.runningMean.values[0]).toBeCloseTo(0.3, 6);
    expect(norm.runningVariance.values[0]).toBeCloseTo(0.9 + 0.1 * (14 / 3), 6);
    const expected = [-2, -1, 0, 3].map((distance) => distance / Math.sqrt(3.5 + 1e-5));
    expect([...y.values]).toEqual(expected.map((value) => expect.closeTo(value, 5)));
  });

  test('normalizes with batch statistics in training, with running statistics in evaluation', () => {
    const x = Rng.fromSeed(4).normal([4, 3, 3, 2], 5, 3);
    const norm = new BatchNorm2d(2);
    norm.gamma.values.set([2, 0.5]);
    norm.beta.values.set([-1, 1]);
    statistics(norm.forward(x), 0).forEach(([mean, variance], c) => {
      expect(mean).toBeCloseTo(norm.beta.values[c], 4);
      expect(Math.sqrt(variance)).toBeCloseTo(norm.gamma.values[c], 4);
    });
    norm.eval();
    const [mean, variance] = [[...norm.runningMean.values], [...norm.runningVariance.values]];
    norm.forward(x).values.forEach((value, at) => {
      const c = at % 2;
      const normalized = (x.values[at] - mean[c]) / Math.sqrt(variance[c] + norm.epsilon);
      expect(value).toBeCloseTo(norm.gamma.values[c] * normalized + norm.beta.values[c], 4);
    });
    expect([...norm.runningMean.values]).toEqual(mean);
    expect([...norm.runningVariance.values]).toEqual(variance);
  });

  test.each(['fast', 'reference'] as const)('flushes the statistics of a dead channel to 0 (%s)', (tier) => {
    const norm = new BatchNorm2d(5);
    const [alive, dead] = [Rng.fromSeed(1).normal([4, 5]), zeros([4, 5])];
    withKernels(tier, () => {
      norm.forward(alive);
      for (let step = 0; step < 700; step++) {
        norm.forward(dead);
        for (const { values } of [norm.runningMean, norm.runningVariance]) {
          const tiny = values.filter((value) => value !== 0 && Math.abs(value) < Math.fround(1e-30));
          expect([...tiny], `step ${step}`).toEqual([]);
        }
      }
    });
    expect([...norm.runningMean.values, ...norm.runningVariance.values]).toEqual(new Array(10).fill(0));
  });

  test('stays finite for one element per channel, which has no unbiased variance', () => {
    const norm = new BatchNorm2d(2);
    expect([...norm.forward(tensor([[3, 4]])).values]).toEqual([0, 0]);
    expect([...norm.runningVariance.values]).toEqual([Math.fround(0.9), Math.fround(0.9)]);
  });
});
