import { fc, test } from '@fast-check/vitest';
import {
  DTypeError,
  memory,
  oneHot,
  ones,
  profile,
  Rng,
  ShapeError,
  softmax,
  type Tensor,
  tensor,
  toBackend,
  zeros,
} from '@mobinet/tensor';
import { checkOp, tensors, withKernels } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { checkGradient, gradient } from './index.js';
import { type CrossEntropyOptions, crossEntropy, distillationLoss } from './losses.js';

const labelsOf = (labels: readonly number[]) => tensor(labels, { dtype: 'i32' });
const labelLists = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 3, maxLength: 3 });
/** A constant of a loss where its logits are: tests run on GPUs, too. */
const onBackendOf = <T extends Tensor | Tensor<'i32'>>(x: T, { backend }: Tensor): T => toBackend(x, backend);
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

  const labeled = fc
    .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 10 }))
    .chain(([batch, classes]) =>
      fc.tuple(
        tensors([batch, classes]),
        fc.array(fc.nat({ max: classes - 1 }), { minLength: batch, maxLength: batch }),
      ),
    );

  test.prop([labeled, smoothings], { numRuns: 40 })('obeys the laws of ops', ([logits, labels], labelSmoothing) => {
    const target = labelsOf(labels);
    checkOp((logits: Tensor) => crossEntropy(logits, onBackendOf(target, logits), { labelSmoothing }), [logits]);
  });

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

  const reductions = fc.constantFrom('mean', 'sum', 'none');
  const ignored = fc.array(fc.constantFrom(-1, 0, 1, 2, 3, 4), { minLength: 3, maxLength: 3 });

  test.prop([tensors([3, 5]), ignored, smoothings, reductions], { numRuns: 30 })(
    'with weights and labels that do not count, obeys the laws of ops',
    (logits, labels, labelSmoothing, reduction) => {
      fc.pre(labels.some((label) => label >= 0) || reduction !== 'mean');
      const weight = tensor([0.5, 2, 1, 0.25, 3]);
      const target = tensor(labels, { dtype: 'i32' });
      const options = { labelSmoothing, weight, ignoreIndex: -1, reduction } as const;
      checkOp(
        (logits: Tensor) =>
          crossEntropy(logits, onBackendOf(target, logits), { ...options, weight: onBackendOf(weight, logits) }),
        [logits],
      );
    },
  );

  test.prop([tensors([2, 3, 4]), tensors([2, 3, 4]), smoothings, reductions], { numRuns: 20 })(
    'with soft targets, obeys the laws of ops in both operands',
    (logits, x, labelSmoothing, reduction) => {
      checkOp(
        (logits: Tensor, x: Tensor) => crossEntropy(logits, softmax(x), { labelSmoothing, reduction }),
        [logits, x],
      );
    },
  );

  test.prop([tensors([2, 3, 5]), smoothings, fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 6, maxLength: 6 })])(
    'is the same for rows and for axes of a batch, with all weights 1, and with the one-hot target of its labels',
    (logits, labelSmoothing, labels) => {
      const plain = crossEntropy(logits.reshape([6, 5]), labelsOf(labels), { labelSmoothing }).values;
      const same = (target: Tensor<'i32'> | Tensor, options: CrossEntropyOptions = {}) =>
        crossEntropy(logits, target, { labelSmoothing, ...options }).values[0];
      const grid = labelsOf(labels).reshape([2, 3]);
      expect(same(grid)).toBe(plain[0]);
      expect(same(grid, { weight: ones([5]) })).toBeCloseTo(plain[0], 5);
      expect(same(grid, { ignoreIndex: -100 })).toBeCloseTo(plain[0], 5);
      expect(same(grid, { reduction: 'sum' })).toBeCloseTo(6 * plain[0], 4);
      expect(same(oneHot(grid, 5))).toBeCloseTo(plain[0], 5);
    },
  );

  test('keeps the kernel of plain labels', () => {
    const opsOf = (body: () => unknown) => profile(body).ops.map(({ op }) => op);
    const logits = zeros([2, 3]);
    const labels = labelsOf([0, 1]);
    expect(opsOf(() => crossEntropy(logits, labels, { labelSmoothing: 0.1 }))).not.toContain('logSoftmax');
    expect(opsOf(() => crossEntropy(logits, labels, { weight: ones([3]) }))).toContain('logSoftmax');
  });

  test('ignores a row whatever its logits are, and is NaN if no row counts', () => {
    const logits = tensor([
      [Number.NaN, Number.POSITIVE_INFINITY],
      [0, Number.NEGATIVE_INFINITY],
    ]);
    const lossOf = (labels: number[]) => crossEntropy(logits, labelsOf(labels), { ignoreIndex: 7 }).values[0];
    expect(lossOf([7, 0])).toBe(0);
    expect(lossOf([7, 1])).toBe(Number.POSITIVE_INFINITY);
    expect(lossOf([7, 7])).toBeNaN();
    expect(crossEntropy(logits, labelsOf([7, 7]), { ignoreIndex: 7, reduction: 'sum' }).values[0]).toBe(0);
  });

  test('a soft target of 0 contributes nothing where the logit is −∞, and has a gradient without NaN', () => {
    const logits = tensor([[0, Number.NEGATIVE_INFINITY, 0]]);
    const target = tensor([[0.25, 0, 0.75]]);
    expect(crossEntropy(logits, target).values[0]).toBeCloseTo(Math.LN2, 6);
    expect([...gradient((x: Tensor) => crossEntropy(x, target))(logits).values]).toEqual([0.25, 0, -0.25]);
    expect(crossEntropy(logits, tensor([[0.25, 0.5, 0.25]])).values[0]).toBe(Number.POSITIVE_INFINITY);
  });

  test('takes no rows, and leaves only its result behind', () => {
    const none = tensor([], { dtype: 'i32' });
    expect([...crossEntropy(zeros([0, 3]), none, { reduction: 'none' }).values]).toEqual([]);
    expect(crossEntropy(zeros([0, 3]), none, { reduction: 'sum' }).values[0]).toBe(0);
    expect(crossEntropy(zeros([0, 3]), none, { weight: ones([3]) }).values[0]).toBeNaN();
    const logits = zeros([2, 3]);
    const labels = labelsOf([0, 1]);
    const weight = ones([3]);
    const before = memory().tensors;
    const choices: CrossEntropyOptions[] = [{ weight }, { reduction: 'none' }, { reduction: 'sum', ignoreIndex: 0 }];
    for (const options of choices) {
      crossEntropy(logits, labels, options).dispose();
      expect(memory().tensors).toBe(before);
    }
  });

  test('explains operands and options that do not fit', () => {
    const logits = zeros([2, 3]);
    expect(() => crossEntropy(logits, labelsOf([0, 3]))).toThrow('crossEntropy: label 3 of row 1 is outside 0 … 2');
    expect(() => crossEntropy(logits, labelsOf([0, 3]), { ignoreIndex: -1 })).toThrow(
      'crossEntropy: label 3 of row 1 is outside 0 … 2',
    );
    expect(() => crossEntropy(logits, labelsOf([0]))).toThrow(ShapeError);
    expect(() => crossEntropy(zeros([]), zeros([]))).toThrow(ShapeError);
    expect(() => crossEntropy(logits, zeros([3, 2]))).toThrow(/needs one label, or the probability of each class/);
    // One-hot labels, and labels in a column.
    for (const shape of [
      [2, 3],
      [2, 1],
    ]) {
      expect(() => crossEntropy(zeros([2, 3]), zeros(shape, 'i32'))).toThrow(
        'Hint: Labels are i32 [2], and probabilities f32 [2, 3].',
      );
    }
    expect(() => crossEntropy(logits, zeros([2]))).toThrow(DTypeError);
    expect(() => crossEntropy(logits, labelsOf([0, 1]), { weight: ones([2]) })).toThrow(
      /^crossEntropy: weight needs a factor for each of the 3 classes/,
    );
    expect(() => crossEntropy(logits, labelsOf([0, 1]), { weight: [1, 2, 3] as never })).toThrow(TypeError);
    expect(() => crossEntropy(logits, labelsOf([0, 1]), { weight: labelsOf([1, 2, 3]) as never })).toThrow(
      "crossEntropy: weight must be f32, not i32. Use cast(weight, 'f32').",
    );
    expect(() => crossEntropy(logits, zeros([2, 3]), { ignoreIndex: 1 })).toThrow(
      'crossEntropy: soft targets have no label that ignoreIndex could name',
    );
    expect(() => crossEntropy(logits, labelsOf([0, 1]), { ignoreIndex: 0.5 })).toThrow(/ignoreIndex must be a whole/);
    expect(() => crossEntropy(logits, labelsOf([0, 1]), { reduction: 'batchmean' as never })).toThrow(
      'crossEntropy: reduction must be one of mean, sum, none, not "batchmean"',
    );
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
