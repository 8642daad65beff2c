import { fc, test } from '@fast-check/vitest';
import { Rng, ShapeError, sub, type Tensor, tensor, zeros } from '@mobinet/tensor';
import { checkOp, shapes, tensors } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { gradient } from './differentiate.js';
import { huber, l1, mse } from './regression-losses.js';

const losses = { mse, l1, huber };
/** The loss of an element by its textbook. */
const formulas = {
  mse: (d: number) => d ** 2,
  l1: Math.abs,
  huber: (d: number) => (Math.abs(d) <= 0.75 ? d ** 2 / 2 : 0.75 * (Math.abs(d) - 0.75 / 2)),
};
const reductions = fc.constantFrom('mean', 'sum', 'none');
const pairs = shapes({ maxRank: 3 }).chain((shape) => fc.tuple(tensors(shape), tensors(shape)));
/** Differences away from 0 and from ±0.75, where the second derivatives of l1 and huber jump. */
const isSmooth = ([a, b]: readonly [Tensor, Tensor]) =>
  sub(a, b).values.every((d) => [0, 0.75, -0.75].every((kink) => Math.abs(d - kink) > 0.02));

describe.each(['mse', 'l1', 'huber'] as const)('%s', (name) => {
  const options = name === 'huber' ? { delta: 0.75 } : {};
  const loss = (a: Tensor, b: Tensor, rest: object = {}) => losses[name](a, b, { ...options, ...rest });

  test.prop([pairs, reductions], { numRuns: 40 })('is its formula, and obeys the laws of ops', (pair, reduction) => {
    const [a, b] = pair;
    const each = Array.from(a.values, (value, at) => formulas[name](value - b.values[at]));
    const total = each.reduce((sum, x) => sum + x, 0);
    const expected = { none: each, sum: [total], mean: [total / a.size] }[reduction];
    const found = loss(a, b, { reduction });
    expect(found.shape).toEqual(reduction === 'none' ? a.shape : []);
    found.values.forEach((value, at) => {
      expect(value).toBeCloseTo(expected[at], 3);
    });
    if (isSmooth(pair)) checkOp((a: Tensor, b: Tensor) => loss(a, b, { reduction }), [a, b]);
  });

  test('averages by default, takes scalars and no elements, and does not hide NaN and infinities', () => {
    const [a, b] = [tensor([1, 5, 3]), tensor([1, 2, 4])];
    expect(loss(a, b).values[0]).toBe(loss(a, b, { reduction: 'mean' }).values[0]);
    expect(loss(tensor(3), tensor(1)).shape).toEqual([]);
    expect(loss(zeros([0]), zeros([0])).values[0]).toBeNaN();
    expect([...loss(zeros([0, 2]), zeros([0, 2]), { reduction: 'none' }).values]).toEqual([]);
    const odd = tensor([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]);
    const expected = [Number.NaN, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    expect([...loss(odd, zeros([3]), { reduction: 'none' }).values]).toEqual(expected);
  });

  test('does not broadcast, and checks its options', () => {
    const rng = Rng.fromSeed(1);
    expect(() => loss(rng.normal([3, 1]), rng.normal([3]))).toThrow(ShapeError);
    expect(() => loss(zeros([3]), zeros([2]))).toThrow(/^\w+: prediction and target must have the same shape/);
    expect(() => loss(zeros([3]), [1, 2, 3] as never)).toThrow(/^\w+: target must be a tensor, not \[1,2,3\]/);
    expect(() => loss(zeros([3]), zeros([3]), { reduction: 'max' })).toThrow(
      /^\w+: reduction must be one of mean, sum/,
    );
    expect(() => loss(zeros([3]), zeros([3]), { beta: 1 })).toThrow(/ has no option "beta"/);
  });
});

describe('huber', () => {
  test('has slopes of at most δ, also for infinite distances', () => {
    const x = tensor([-0.5, 2, Number.NEGATIVE_INFINITY, 1, 0]);
    const slope = gradient((x: Tensor) => huber(x, zeros([5]), { reduction: 'sum' }))(x);
    expect([...slope.values]).toEqual([-0.5, 1, -1, 1, 0]);
  });

  test('refuses a δ that is not above 0', () => {
    expect(() => huber(zeros([2]), zeros([2]), { delta: 0 })).toThrow(
      /^huber: delta must be a number above 0, .* not 0$/,
    );
  });
});
