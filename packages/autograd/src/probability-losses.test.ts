import { fc, test } from '@fast-check/vitest';
import { logSoftmax, memory, ShapeError, sigmoid, softmax, type Tensor, tensor, zeros } from '@mobinet/tensor';
import { checkOp, tensors } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { gradient } from './differentiate.js';
import { crossEntropy } from './losses.js';
import { binaryCrossEntropyWithLogits, klDivergence } from './probability-losses.js';

const reductions = fc.constantFrom('mean', 'sum', 'none');

describe('binaryCrossEntropyWithLogits', () => {
  const operands = [tensors([2, 3]), tensors([2, 3]), tensors([3])] as const;

  test.prop([...operands, reductions], { numRuns: 40 })(
    'is its formula, and obeys the laws of ops in all operands',
    (x, y, p, reduction) => {
      const loss = (x: Tensor, y: Tensor, p: Tensor) =>
        binaryCrossEntropyWithLogits(x, sigmoid(y), { positiveWeight: p, reduction });
      const target = sigmoid(y).values;
      const each = Array.from(x.values, (value, at) => {
        const [yes, no] = [Math.log1p(Math.exp(-value)), Math.log1p(Math.exp(value))];
        return p.values[at % 3] * target[at] * yes + (1 - target[at]) * no;
      });
      const total = each.reduce((sum, value) => sum + value, 0);
      const expected = { none: each, sum: [total], mean: [total / 6] }[reduction];
      loss(x, y, p).values.forEach((value, at) => {
        expect(value).toBeCloseTo(expected[at], 3);
      });
      checkOp(loss, [x, y, p]);
    },
  );

  test('neither overflows nor loses digits far from 0, and has the gradient σ(x) − target also at 0', () => {
    const x = tensor([1000, -1000, 1000, -1000, 0, -0, 20, -20]);
    const y = tensor([1, 1, 0, 0, 0, 1, 1, 0]);
    const sum = (x: Tensor) => binaryCrossEntropyWithLogits(x, y, { reduction: 'sum' });
    const each = binaryCrossEntropyWithLogits(x, y, { reduction: 'none' }).values;
    expect([...each.subarray(0, 4)]).toEqual([0, 1000, 1000, 0]);
    const slopes = gradient(sum)(x).values;
    expect([...slopes.subarray(0, 6)]).toEqual([0, -1, 1, 0, 0.5, -0.5]);
    // 1 − σ(20) would be 0 in f32.
    expect(slopes[6] / -Math.exp(-20)).toBeCloseTo(1, 5);
    expect(slopes[7] / Math.exp(-20)).toBeCloseTo(1, 5);
  });

  test('explains operands and options that do not fit, and leaves only its result behind', () => {
    const [x, y] = [zeros([2, 3]), zeros([2, 3])];
    const p = zeros([5, 2, 3]);
    const before = memory().tensors;
    const op = binaryCrossEntropyWithLogits;
    expect(() => op(x, zeros([3]))).toThrow(/^binaryCrossEntropyWithLogits: logits and target must have the same/);
    expect(() => op(x, y, { positiveWeight: p })).toThrow(/positiveWeight must broadcast to the shape of the logits/);
    expect(() => op(x, y, { positiveWeight: 2 as never })).toThrow(/positiveWeight must be a tensor, not 2/);
    expect(() => op(x, y, { posWeight: p } as never)).toThrow(/has no option "posWeight"/);
    expect(() => op(x, y, { reduction: 'avg' as never })).toThrow(
      /reduction must be one of mean, sum, none, not "avg"/,
    );
    // Only the mistaken target is left.
    expect(memory().tensors).toBe(before + 1);
    op(x, y).dispose();
    expect(memory().tensors).toBe(before + 1);
  });
});

describe('klDivergence', () => {
  test.prop([tensors([2, 3, 4]), tensors([2, 3, 4]), fc.boolean(), reductions], { numRuns: 40 })(
    'is Σ p·log(p / q) of rows, and obeys the laws of ops in both operands',
    (q, p, logTarget, reduction) => {
      const loss = (q: Tensor, p: Tensor) =>
        klDivergence(logSoftmax(q), logTarget ? logSoftmax(p) : softmax(p), { logTarget, reduction });
      const [lq, lp] = [logSoftmax(q).values, logSoftmax(p).values];
      const rows = [0, 1, 2, 3, 4, 5].map((row) =>
        [0, 1, 2, 3].map((c) => 4 * row + c).reduce((sum, at) => sum + Math.exp(lp[at]) * (lp[at] - lq[at]), 0),
      );
      const total = rows.reduce((sum, x) => sum + x);
      const expected = { none: rows, sum: [total], mean: [total / 6] }[reduction];
      const found = loss(q, p);
      expect(found.shape).toEqual(reduction === 'none' ? [2, 3] : []);
      found.values.forEach((value, at) => {
        expect(value).toBeCloseTo(expected[at], 3);
      });
      checkOp(loss, [q, p]);
    },
  );

  test('counts 0 · log 0 as 0, in p and in q', () => {
    const logQ = tensor([[Math.log(0.5), Math.log(0.5), Number.NEGATIVE_INFINITY]]);
    const p = tensor([[0, 1, 0]]);
    expect(klDivergence(logQ, p).values[0]).toBeCloseTo(Math.LN2, 6);
    expect([...gradient((q: Tensor) => klDivergence(q, p))(logQ).values]).toEqual([0, -1, 0]);
    const logP = tensor([[Number.NEGATIVE_INFINITY, 0, Number.NEGATIVE_INFINITY]]);
    expect(klDivergence(logQ, logP, { logTarget: true }).values[0]).toBeCloseTo(Math.LN2, 6);
    expect(klDivergence(logQ, tensor([[0.5, 0, 0.5]])).values[0]).toBe(Number.POSITIVE_INFINITY);
  });

  test('passes no NaN to a target that is 0: there, p·log p counts as constant', () => {
    const logQ = tensor([[-2, -1]]);
    const slopes = gradient((p: Tensor) => klDivergence(logQ, p))(tensor([[0, 1]]));
    expect([...slopes.values]).toEqual([2, 2]); // −log q, and log p + 1 − log q
  });

  test('differs from the cross-entropy with soft targets by a constant', () => {
    const [logits, target] = [tensor([[1, -2, 0.5]]), softmax(tensor([[0, 1, 2]]))];
    const slope = (loss: (x: Tensor) => Tensor) => [...gradient(loss)(logits).values];
    const [a, b] = [(x: Tensor) => klDivergence(logSoftmax(x), target), (x: Tensor) => crossEntropy(x, target)];
    slope(a).forEach((value, at) => {
      expect(value).toBeCloseTo(slope(b)[at], 6);
    });
  });

  test('explains operands and options that do not fit', () => {
    expect(() => klDivergence(zeros([]), zeros([]))).toThrow(ShapeError);
    expect(() => klDivergence(zeros([2]), zeros([3]))).toThrow(/^klDivergence: logProbabilities and target must have/);
    expect(() => klDivergence(zeros([2]), zeros([2]), { reduction: 'batchmean' as never })).toThrow(
      /^klDivergence: reduction must be one of mean, sum, none, not "batchmean"$/,
    );
    expect(() => klDivergence(zeros([2]), zeros([2]), { log: true } as never)).toThrow(/has no option "log"/);
  });
});
