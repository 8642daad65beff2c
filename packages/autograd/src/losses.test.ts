import { fc, test } from '@fast-check/vitest';
import { memory, Rng, ShapeError, type Tensor, tensor, zeros } from '@mobinet/tensor';
import { tensors, withKernels } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { checkGradient, gradient } from './index.js';
import { crossEntropy, distillationLoss, mse } from './losses.js';

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

describe('distillationLoss', () => {
  const temperatures = fc.constantFrom(0.5, 1, 4, 20);
  const softmaxOf = (row: readonly number[]): number[] => {
    const total = row.reduce((sum, x) => sum + Math.exp(x), 0);
    return row.map((x) => Math.exp(x) / total);
  };
  /** The probabilities of each row of [3, 5] logits at a temperature. */
  const probabilitiesOf = ({ values }: Tensor, temperature: number): number[][] =>
    [0, 5, 10].map((from) => softmaxOf([...values.subarray(from, from + 5)].map((x) => x / temperature)));

  test.prop([tensors([3, 5]), tensors([3, 5]), temperatures])(
    'is T² times the mean divergence Σ p·log(p / q)',
    (logits, teacherLogits, temperature) => {
      const [q, p] = [logits, teacherLogits].map((x) => probabilitiesOf(x, temperature));
      const divergences = p.flatMap((row, n) => row.map((share, c) => share * Math.log(share / q[n][c])));
      const expected = (temperature ** 2 * divergences.reduce((sum, x) => sum + x)) / 3;
      const [found] = distillationLoss(logits, teacherLogits, { temperature }).values;
      // At T = 20, T² amplifies the rounding of f32.
      expect(Math.abs(found - expected)).toBeLessThan(2e-6 * Math.max(1, temperature ** 2) * Math.max(1, expected));
    },
  );

  test.prop([tensors([3, 5]), tensors([3, 5]), fc.constantFrom(0.5, 1, 4)], { numRuns: 30 })(
    'has the gradient T·(q − p) / batch, which agrees with finite differences, and one for the teacher',
    (logits, teacherLogits, temperature) => {
      const loss = (logits: Tensor, teacher: Tensor) => distillationLoss(logits, teacher, { temperature });
      checkGradient(loss, [logits, teacherLogits]);
      const [q, p] = [logits, teacherLogits].map((x) => probabilitiesOf(x, temperature).flat());
      const found = gradient(loss)(logits, teacherLogits).values;
      found.forEach((value, at) => {
        expect(value).toBeCloseTo((temperature * (q[at] - p[at])) / 3, 5);
      });
    },
  );

  test.prop([tensors([3, 5]), temperatures])('is 0 between equal logits, however large', (logits, temperature) => {
    const large = logits.mul(1000);
    expect(distillationLoss(large, large, { temperature }).values[0]).toBe(0);
  });

  test('at T = 1 differs from the cross-entropy with a confident teacher by nothing', () => {
    const logits = Rng.fromSeed(1).normal([2, 3]);
    const teacher = tensor([
      [0, 200, 0],
      [200, 0, 0],
    ]);
    const expected = crossEntropy(logits, labelsOf([1, 0])).values[0];
    expect(distillationLoss(logits, teacher).values[0]).toBeCloseTo(expected, 5);
  });

  test('leaves only its result behind', () => {
    const [logits, teacher] = [1, 2].map((seed) => Rng.fromSeed(seed).normal([2, 3]));
    const before = memory().tensors;
    const loss = distillationLoss(logits, teacher, { temperature: 2 });
    expect(memory().tensors).toBe(before + 1);
    loss.dispose();
  });

  test('explains shapes and temperatures that do not fit', () => {
    expect(() => distillationLoss(zeros([2, 3]), zeros([2, 4]))).toThrow(ShapeError);
    expect(() => distillationLoss(zeros([3]), zeros([3]))).toThrow('must have the same shape [batch, classes]');
    expect(() => distillationLoss(zeros([2, 3]), zeros([2, 3]), { temperature: 0 })).toThrow(
      'distillationLoss: temperature must be a number from 0.01 to 1000, not 0',
    );
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
