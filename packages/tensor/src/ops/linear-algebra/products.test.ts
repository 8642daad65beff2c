import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { tensor, zeros } from '../../create.js';
import { checkOp, tensors } from '../../testing/index.js';
import { build, expectSame } from '../shape/oracle.test.helper.js';
import { dot, outer } from './products.js';

const length = fc.integer({ min: 1, max: 20 });

describe('dot', () => {
  const pairs = length.chain((n) => fc.tuple(tensors([n]), tensors([n])));

  test.prop([pairs], { numRuns: 30 })('sums products, and obeys the laws of ops', ([a, b]) => {
    const expected = a.values.reduce((sum, value, at) => sum + value * b.values[at], 0);
    expect(dot(a, b).shape).toEqual([]);
    expect(dot(a, b).values[0]).toBeCloseTo(expected, 4);
    checkOp(dot, [a, b]);
  });

  test('is 0 of no elements', () => {
    expect(dot(zeros([0]), zeros([0])).values[0]).toBe(0);
  });

  test('explains shapes that do not fit', () => {
    expect(() => dot(zeros([2]), zeros([3]))).toThrow('dot: the vectors must have the same length');
    expect(() => dot(zeros([2, 2]), zeros([2]))).toThrow('dot: a and b must be vectors');
    expect(() => dot([1] as never, zeros([1]))).toThrow('dot: a must be a tensor');
  });
});

describe('outer', () => {
  test.prop([length.chain((n) => tensors([n])), length.chain((n) => tensors([n]))], { numRuns: 30 })(
    'multiplies all pairs, and obeys the laws of ops',
    (a, b) => {
      const expected = build('f32', [a.size, b.size], ([i, j]) => a.values[i] * b.values[j]);
      expectSame(outer(a, b), expected);
      checkOp((a, b) => outer(a, b), [a, b]);
    },
  );

  test('takes integers and vectors without elements', () => {
    const x = tensor([1, 2], { dtype: 'i32' });
    expect([...outer(x, x).values]).toEqual([1, 2, 2, 4]);
    expect(outer(zeros([0]), zeros([3])).shape).toEqual([0, 3]);
  });

  test('explains shapes that do not fit', () => {
    expect(() => outer(zeros([2]), zeros([]))).toThrow('outer: a and b must be vectors');
  });
});
