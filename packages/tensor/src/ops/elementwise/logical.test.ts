import { fc, test } from '@fast-check/vitest';
import { describe, expect, expectTypeOf } from 'vitest';
import { tensor, zeros } from '../../create.js';
import type { DType } from '../../dtype.js';
import { DTypeError, ShapeError } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import { broadcastableShapes, checkOp, tensors } from '../../testing/index.js';
import { cast } from './cast.js';
import { equal, notEqual } from './compare.js';
import { logicalAnd, logicalNot, logicalOr, logicalXor } from './logical.js';
import { isFinite as areFinite, isNaN as areNaN } from './predicates.js';

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
const dtypes = fc.constantFrom<DType[]>('f32', 'i32', 'u32', 'i16', 'u8');

/** Pairs of tensors that broadcast, with many zeros. */
const pairs = fc
  .tuple(broadcastableShapes({ maxRank: 3, maxSize: 4 }), dtypes)
  .chain(([[a, b], dtype]) =>
    fc
      .tuple(tensors(a, { min: 0, max: 2 }), tensors(b, { min: 0, max: 2 }))
      .map((pair) => pair.map((x) => cast(x, dtype))),
  );

describe('logic', () => {
  const operations = { logicalAnd, logicalOr, logicalXor };
  for (const [name, op] of Object.entries(operations)) {
    test.prop([pairs], { numRuns: 30 })(`${name} obeys the laws of ops, for any dtype`, ([a, b]) => {
      checkOp((a: Tensor<DType>, b: Tensor<DType>) => op(a, b), [a, b], { gradient: false });
    });
  }

  test.prop([pairs], { numRuns: 30 })('obeys the laws of De Morgan', ([a, b]) => {
    const not = logicalNot;
    expect(not(logicalAnd(a, b)).values).toEqual(logicalOr(not(a), not(b)).values);
    expect(not(logicalOr(a, b)).values).toEqual(logicalAnd(not(a), not(b)).values);
    expect(logicalXor(a, b).values).toEqual(notEqual(not(a), not(b)).values);
    checkOp((a: Tensor<DType>) => not(a), [a], { gradient: false });
  });

  test('takes every number but 0 as true, also NaN', () => {
    const x = tensor([0, -0, 1e-45, -3, nan, infinity]);
    expect([...logicalNot(x).values]).toEqual([1, 1, 0, 0, 0, 0]);
    expect([...logicalAnd(x, 5).values]).toEqual([0, 0, 1, 1, 1, 1]);
    expect([...logicalXor(1, x).values]).toEqual([1, 1, 0, 0, 0, 0]);
    expect([...logicalOr(x, zeros([6])).values]).toEqual([0, 0, 1, 1, 1, 1]);
    expectTypeOf(logicalAnd(x, x)).toEqualTypeOf<Tensor<'u8'>>();
  });

  test('accepts scalars and empty tensors', () => {
    expect(logicalAnd(zeros([0, 3]), zeros([3])).shape).toEqual([0, 3]);
    expect([...logicalNot(tensor(0)).values]).toEqual([1]);
  });

  test('refuses shapes that do not broadcast, and operands of different dtypes', () => {
    expect(() => logicalAnd(zeros([2, 3]), zeros([2]))).toThrow(ShapeError);
    // @ts-expect-error: f32 and u8
    expect(() => logicalOr(zeros([2]), equal(zeros([2]), 0))).toThrow(DTypeError);
  });
});

describe('isNaN and isFinite', () => {
  test.prop([pairs], { numRuns: 20 })('obey the laws of ops', ([x]) => {
    checkOp((x: Tensor<DType>) => areNaN(x), [x], { gradient: false });
    checkOp((x: Tensor<DType>) => areFinite(x), [x], { gradient: false });
  });

  test('tell NaN and infinities from numbers', () => {
    const x = tensor([0, -0, 1e-45, -3.4e38, infinity, -infinity, nan]);
    expect([...areNaN(x).values]).toEqual([0, 0, 0, 0, 0, 0, 1]);
    expect([...areFinite(x).values]).toEqual([1, 1, 1, 1, 0, 0, 0]);
    // On a GPU, too.
    for (const op of [areNaN, areFinite]) checkOp((x: Tensor) => op(x), [x], { gradient: false });
    expect([...areFinite(tensor([7, -7], { dtype: 'i32' })).values]).toEqual([1, 1]);
    expect([...areNaN(tensor([7, -1], { dtype: 'i16' })).values]).toEqual([0, 0]);
  });
});
