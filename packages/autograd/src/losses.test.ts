import { fc, test } from '@fast-check/vitest';
import { Rng, ShapeError, type Tensor, tensor, zeros } from '@mobinet/tensor';
import { tensors, withKernels } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { checkGradient, gradient } from './index.js';
import { crossEntropy, mse } from './losses.js';

const labelsOf = (labels: readonly number[]) => tensor(labels, { dtype: 'i32' });
const labelLists = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 3, maxLength: 3 });
const smoothings = fc.constantFrom(0, 0.1, 0.5, 1);

describe('crossEntropy', () => {
  test.prop([tensors([3, 5]), labelLists, smoothings])(
    'is the batch mean of −Σ target·log softmax',
    (logits, labels, labelSmoothing) => {
      let expected = 0;
      labels.forEach((label, row) => {
        const values = [...logits.values.subarray(row * 5, row * 5 + 5)];
        const total = values.reduce((sum, value) => sum + Math.exp(value), 0);
        values.forEach((value, c) => {
          const target = (1 - labelSmoothing) * Number(c === label) + labelSmoothing / 5;
          expected -= (target * Math.log(Math.exp(value) / total)) / 3;
        });
      });
      expect(crossEntropy(logits, labelsOf(labels), { labelSmoothing }).values[0]).toBeCloseTo(expected, 5);
    },
  );

  test.prop([tensors([3, 5]), labelLists, smoothings], { numRuns: 30 })(
    'has a gradient that agrees with finite differences',
    (logits, labels, labelSmoothing) => {
      checkGradient((logits) => crossEntropy(logits, labelsOf(labels), { labelSmoothing }), [logits]);
    },
  );

  test.each(['fast', 'reference'] as const)('flushes tiny gradients to 0, so that none is denormal (%s)', (tier) => {
    // The probabilities of the other classes fall with their distance from the right one.
    const classes = 130;
    const logits = tensor(
      Float32Array.from({ length: 2 * classes }, (_, at) => (at % classes === 5 ? 0 : -(at % classes))),
      { shape: [2, classes] },
    );
    const labels = labelsOf([5, 5]);
    const found = withKernels(tier, () => gradient((x: Tensor) => crossEntropy(x, labels))(logits)).values;
    const total = logits.values.subarray(0, classes).reduce((sum, x) => sum + Math.exp(x), 0);
    found.forEach((value, at) => {
      const exact = (Math.exp(logits.values[at]) / total - Number(at % classes === 5)) / 2;
      if (Math.abs(exact) < 1e-30) expect(value).toBe(0);
      else expect(value / exact).toBeCloseTo(1, 4);
    });
  });

  test('does not overflow', () => {
    const loss = crossEntropy(
      tensor([
        [1000, -1000],
        [-1000, 1000],
      ]),
      labelsOf([0, 0]),
    );
    expect(loss.values[0]).toBe(1000);
  });

  test('explains labels that are out of range or of the wrong shape', () => {
    expect(() => crossEntropy(zeros([2, 3]), labelsOf([0, 3]))).toThrow(
      'crossEntropy: label 3 of row 1 is outside 0 … 2',
    );
    expect(() => crossEntropy(zeros([2, 3]), labelsOf([0]))).toThrow(ShapeError);
  });
});

describe('mse', () => {
  test.prop([tensors([2, 3]), tensors([2, 3])], { numRuns: 30 })(
    'is the mean of squared differences, with its gradient',
    (a, b) => {
      const expected = a.values.reduce((sum, value, at) => sum + (value - b.values[at]) ** 2, 0) / 6;
      expect(mse(a, b).values[0]).toBeCloseTo(expected, 5);
      checkGradient(mse as Parameters<typeof checkGradient>[0], [a, b]);
    },
  );

  test('does not broadcast', () => {
    const rng = Rng.fromSeed(1);
    expect(() => mse(rng.normal([3, 1]), rng.normal([3]))).toThrow(
      /mse: prediction and target must have the same shape/,
    );
  });
});
