import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { tensor, zeros } from '../../create.js';
import { Rng } from '../../random.js';
import type { Tensor } from '../../tensor.js';
import { checkGradient, checkOp, tensors } from '../../testing/index.js';
import { affine } from './affine.js';
import { batchNorm } from './batch-norm.js';
import { batchNormEval, foldBatchNorm } from './batch-norm-eval.js';

/** Mean and biased variance of each channel, in two plain passes. */
function statistics(x: Tensor): { mean: number; variance: number }[] {
  const channels = x.shape.at(-1)!;
  return Array.from({ length: channels }, (_, c) => {
    const values = [...x.values].filter((_, at) => at % channels === c);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length };
  });
}

/** A normally distributed input, with parameters for its channels. γ and σ² are away from 0. */
const cases = fc
  .tuple(
    fc.constantFrom([6], [2, 3], [2, 2, 2]),
    fc.integer({ min: 1, max: 5 }),
    fc.nat().map((seed) => Rng.fromSeed(seed)),
  )
  .map(([rows, channels, rng]) => ({
    x: rng.normal([...rows, channels]),
    gamma: rng.uniform([channels], 0.5, 1.5),
    beta: rng.normal([channels]),
    mean: rng.normal([channels]),
    variance: rng.uniform([channels], 0.5, 2),
  }));

describe('batchNorm', () => {
  test.prop([cases], { numRuns: 40 })('gives each channel the mean β and the deviation γ', ({ x, gamma, beta }) => {
    const { output, mean, variance } = batchNorm(x, gamma, beta, { epsilon: 1e-9 });
    statistics(x).forEach((expected, c) => {
      expect(mean.values[c]).toBeCloseTo(expected.mean, 5);
      expect(variance.values[c]).toBeCloseTo(expected.variance, 5);
    });
    statistics(output).forEach((actual, c) => {
      expect(actual.mean).toBeCloseTo(beta.values[c], 5);
      expect(Math.sqrt(actual.variance)).toBeCloseTo(gamma.values[c], 4);
    });
  });

  test.prop([cases], { numRuns: 25 })('obeys the laws of ops', ({ x, gamma, beta }) => {
    // A large ε bounds the curvature where a channel happens to vary little, so that finite differences are accurate.
    checkOp((x, gamma, beta) => batchNorm(x, gamma, beta, { epsilon: 0.1 }).output, [x, gamma, beta]);
  });

  test('writes every statistic', () => {
    const { x, gamma, beta } = { x: Rng.fromSeed(1).normal([4, 3]), gamma: tensor([1, 2, 3]), beta: zeros([3]) };
    checkOp((x, gamma, beta) => batchNorm(x, gamma, beta).mean, [x, gamma, beta], { gradient: false });
    checkOp((x, gamma, beta) => batchNorm(x, gamma, beta).variance, [x, gamma, beta], { gradient: false });
  });

  test('is accurate for many rows', () => {
    const x = Rng.fromSeed(2).normal([1500, 7]);
    const { mean, variance } = batchNorm(x, zeros([7]), zeros([7]));
    statistics(x).forEach((expected, c) => {
      expect(mean.values[c]).toBeCloseTo(expected.mean, 5);
      expect(variance.values[c]).toBeCloseTo(expected.variance, 5);
    });
  });

  test('has an exact variance for elements far from 0, and stays finite for a constant channel', () => {
    const x = tensor([
      [4096.5, 3],
      [4097.5, 3],
      [4096.5, 3],
      [4097.5, 3],
    ]);
    const { output, variance } = batchNorm(x, tensor([1, 1]), zeros([2]));
    expect([...variance.values]).toEqual([0.25, 0]);
    expect(output.values[0]).toBeCloseTo(-1, 3);
    expect(output.values[1]).toBe(0);
  });

  test('explains parameters of the wrong shape', () => {
    expect(() => batchNorm(zeros([2, 3]), zeros([3]), zeros([4]))).toThrow(
      [
        'batchNorm: x has 3 channels, beta does not fit',
        '  x     [2, 3]  …, channels',
        '  beta  [4]',
        'Hint: beta must have the shape [channels].',
      ].join('\n'),
    );
  });
});

describe('affine', () => {
  const lines = fc
    .tuple(fc.constantFrom([], [4], [2, 3]), fc.integer({ min: 1, max: 6 }))
    .chain(([rows, channels]) => fc.tuple(tensors([...rows, channels]), tensors([channels]), tensors([channels])));

  test.prop([lines], { numRuns: 40 })('scales and shifts each channel', ([x, scale, shift]) => {
    const channels = scale.size;
    const y = affine(x, scale, shift);
    y.values.forEach((value, at) => {
      const c = at % channels;
      expect(value).toBe(Math.fround(x.values[at] * scale.values[c] + shift.values[c]));
    });
    checkOp(affine, [x, scale, shift]);
  });

  test('refuses a scalar', () => {
    expect(() => affine(zeros([]), zeros([1]), zeros([1]))).toThrow('a scalar x has no channels');
  });
});

describe('batchNormEval', () => {
  test.prop([cases], { numRuns: 40 })(
    'is the affine map that an exported network stores, bit for bit',
    (parameters) => {
      const { x, gamma, beta, mean, variance } = parameters;
      const { scale, shift } = foldBatchNorm(parameters);
      const output = batchNormEval(x, parameters);
      expect(output.values).toEqual(affine(x, tensor(scale.values), tensor(shift.values)).values);
      output.values.forEach((value, at) => {
        const c = at % gamma.size;
        const normalized = (x.values[at] - mean.values[c]) / Math.sqrt(variance.values[c] + 1e-5);
        expect(value).toBeCloseTo(gamma.values[c] * normalized + beta.values[c], 4);
      });
    },
  );

  test.prop([cases], { numRuns: 15 })('has a gradient', ({ x, gamma, beta, mean, variance }) => {
    const f = (x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, variance: Tensor) =>
      batchNormEval(x, { gamma, beta, mean, variance });
    checkGradient(f, [x, gamma, beta, mean, variance]);
  });

  test('agrees with training on the statistics of the batch', () => {
    const x = Rng.fromSeed(5).normal([20, 3]);
    const [gamma, beta] = [tensor([1, -2, 0.5]), tensor([0, 1, -1])];
    const { output, mean, variance } = batchNorm(x, gamma, beta);
    batchNormEval(x, { gamma, beta, mean, variance }).values.forEach((value, at) => {
      expect(value).toBeCloseTo(output.values[at], 5);
    });
  });
});
