import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { ones, tensor, zeros } from '../../create.js';
import type { Tensor } from '../../tensor.js';
import { checkOp } from '../../testing/index.js';
import { gradientOf } from '../borders.test.helper.js';
import { sqrt } from '../elementwise/unary.js';
import { std } from './deviation.js';
import { variance } from './mean.js';
import { distinct, reductions } from './reduce.test.helper.js';

describe('std', () => {
  test.prop([reductions, fc.constantFrom(0, 1, 0.5)], { numRuns: 60 })(
    'is the square root of the variance',
    ({ x, ...options }, correction) => {
      const expected = sqrt(variance(x, { ...options, correction }));
      const y = std(x, { ...options, correction });
      expect(y.shape).toEqual(expected.shape);
      y.values.forEach((value, at) => {
        if (Number.isNaN(expected.values[at])) expect(value).toBeNaN();
        else expect(value).toBeCloseTo(expected.values[at], 5);
      });
    },
  );

  // At least two different elements per result, since a deviation of 0 has no derivative.
  const rows = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 2, max: 5 })).chain(distinct);

  test.prop([rows, fc.boolean(), fc.constantFrom(0, 1)], { numRuns: 30 })(
    'obeys the laws of ops',
    (x, keepDims, correction) => {
      checkOp((x: Tensor) => std(x, { axes: 1, keepDims, correction }), [x]);
      checkOp((x: Tensor) => std(x, { correction }), [x]);
    },
  );

  test('has gradient 0 where it is 0', () => {
    const slope = gradientOf((x) => std(x), 0);
    expect([...slope(ones([]), tensor([7, 7, 7])).values]).toEqual([0, 0, 0]);
  });

  test('does not overflow', () => {
    expect(std(tensor([3e38, -3e38])).values[0]).toBe(Math.fround(3e38));
    expect(std(tensor([1e-30, -1e-30])).values[0]).toBe(Math.fround(1e-30));
  });

  test('is NaN of no elements, or of too few for the correction', () => {
    expect(std(zeros([0])).values[0]).toBeNaN();
    expect(std(tensor([3]), { correction: 1 }).values[0]).toBeNaN();
    expect(std(tensor([3]), { correction: 2 }).values[0]).toBeNaN();
  });

  test('explains wrong options', () => {
    expect(() => std(zeros([2]), { axes: 1 })).toThrow('std: axis 1 is out of range for a tensor of rank 1');
    expect(() => std(zeros([2]), { correction: Number.NaN })).toThrow('std: correction must be a finite number');
    expect(() => std(zeros([2]), { ddof: 1 } as never)).toThrow('std has no option "ddof"');
  });
});
