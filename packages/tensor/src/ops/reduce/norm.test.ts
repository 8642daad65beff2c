import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { tensor, zeros } from '../../create.js';
import type { Tensor } from '../../tensor.js';
import { reverseSweep } from '../../testing/check-gradient.js';
import { checkOp, shapes, tensorsAwayFromZero } from '../../testing/index.js';
import { add } from '../elementwise/binary.js';
import { norm } from './norm.js';
import { distinct, groups, reductions, shapeOfReduction } from './reduce.test.helper.js';

const infinity = Number.POSITIVE_INFINITY;

/** The definition. */
function normOf(values: readonly number[], p: number): number {
  if (p === 0) return values.filter((value) => value !== 0).length;
  if (p === infinity) return Math.max(...values.map(Math.abs));
  return values.reduce((sum, value) => sum + Math.abs(value) ** p, 0) ** (1 / p);
}

describe('norm', () => {
  test.prop([reductions, fc.constantFrom(0, 0.5, 1, 1.5, 2, 3, infinity)], { numRuns: 100 })(
    'follows its formula over any axes',
    ({ x, axes, keepDims }, p) => {
      const y = norm(x, { p, axes, keepDims });
      expect(y.shape).toEqual(shapeOfReduction(x.shape, axes, keepDims));
      groups(x, axes).forEach((values, at) => {
        const expected = normOf(values, p);
        expect(Math.abs(y.values[at] - expected)).toBeLessThan(1e-5 * Math.max(1, expected));
      });
    },
  );

  const inputs = shapes({ maxRank: 3, maxSize: 3 }).chain((shape) =>
    fc.record({ x: tensorsAwayFromZero(shape), axes: fc.subarray([...shape.keys()]), keepDims: fc.boolean() }),
  );

  test.prop([inputs, fc.constantFrom(1, 1.5, 2, 3)], { numRuns: 60 })(
    'obeys the laws of ops',
    ({ x, axes, keepDims }, p) => {
      checkOp((x: Tensor) => norm(x, { p, axes, keepDims }), [x], { gradientTolerance: 1e-2 });
    },
  );

  test.prop([fc.integer({ min: 2, max: 6 }).chain((size) => distinct([size]))], { numRuns: 20 })(
    'so does the largest magnitude, away from ties',
    (x) => {
      // Magnitudes are distinct, too: all elements have one sign.
      checkOp((x: Tensor) => norm(add(x, 3), { p: infinity }), [x]);
    },
  );

  test('is 2 by default', () => {
    expect(norm(tensor([3, -4])).values[0]).toBe(5);
  });

  test.each([0.5, 1, 1.5, 2, 3, 20])('for p = %d neither overflows nor underflows', (p) => {
    for (const scale of [3e37, 1e-37]) {
      const y = norm(tensor([scale, -scale]), { p }).values[0];
      expect(y / (2 ** (1 / p) * scale)).toBeCloseTo(1, 5);
    }
  });

  test.each([0.5, 1, 1.5, 2, 2.5, 3, infinity])('for p = %d is 0 at 0, and so is its gradient', (p) => {
    const f = (x: Tensor) => norm(x, { p });
    expect(f(zeros([3])).values[0]).toBe(0);
    const [gradient] = reverseSweep(f, [zeros([3])]);
    expect([...gradient!.values].map(Math.abs)).toEqual([0, 0, 0]);
  });

  test('has second derivatives where single elements are 0', () => {
    const x = tensor([0, 1, -2]);
    for (const p of [2, 3, 4]) checkOp((x: Tensor) => norm(x, { p }), [x]);
  });

  test('propagates infinities and NaN', () => {
    expect(norm(tensor([1, -infinity])).values[0]).toBe(infinity);
    for (const p of [1, 2, 3, infinity]) expect(norm(tensor([infinity, Number.NaN]), { p }).values[0]).toBeNaN();
  });

  test('is 0 of no elements, but there is no largest', () => {
    for (const p of [0, 1, 2, 3]) expect(norm(zeros([0]), { p }).values[0]).toBe(0);
    expect(() => norm(zeros([2, 0]), { p: infinity, axes: 1 })).toThrow('norm: there is no largest element of none');
  });

  test('explains wrong options', () => {
    expect(() => norm(zeros([2]), { axes: 1 })).toThrow('norm: axis 1 is out of range for a tensor of rank 1');
    for (const p of [-1, Number.NaN, 'fro' as never]) {
      expect(() => norm(zeros([2]), { p })).toThrow(/^norm: p must be a number of at least 0, or Infinity, not /);
    }
  });
});
