import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { ones, tensor, zeros } from '../../create.js';
import type { Tensor } from '../../tensor.js';
import { checkOp, shapes, tensors } from '../../testing/index.js';
import { gradientOf } from '../borders.test.helper.js';
import { add } from '../elementwise/binary.js';
import { logSumExp } from './log-sum-exp.js';
import { groups, reductions, shapeOfReduction } from './reduce.test.helper.js';

const infinity = Number.POSITIVE_INFINITY;

describe('logSumExp', () => {
  test.prop([reductions, fc.constantFrom(0, 1000, -1000)], { numRuns: 60 })(
    'is the logarithm of the sum of exponentials, and shifts with x',
    ({ x, axes, keepDims }, shift) => {
      const y = logSumExp(add(x, shift), { axes, keepDims });
      expect(y.shape).toEqual(shapeOfReduction(x.shape, axes, keepDims));
      groups(x, axes).forEach((values, at) => {
        const expected = shift + Math.log(values.reduce((sum, value) => sum + Math.exp(value), 0));
        expect(y.values[at]).toBeCloseTo(expected, shift === 0 ? 5 : 3);
      });
    },
  );

  const inputs = shapes({ maxRank: 3, maxSize: 3 }).chain((shape) =>
    fc.record({ x: tensors(shape), axes: fc.subarray([...shape.keys()]), keepDims: fc.boolean() }),
  );

  test.prop([inputs], { numRuns: 30 })('obeys the laws of ops', ({ x, axes, keepDims }) => {
    checkOp((x: Tensor) => logSumExp(x, { axes, keepDims }), [x]);
  });

  test('is −∞ for −∞ alone, whose gradient is 0', () => {
    const x = tensor([
      [-infinity, -infinity],
      [-infinity, 3],
    ]);
    const f = (x: Tensor) => logSumExp(x, { axes: 1 });
    expect([...f(x).values]).toEqual([-infinity, 3]);
    expect([...gradientOf(f, 0)(ones([2]), x).values]).toEqual([0, 0, 0, 1]);
    expect(logSumExp(zeros([0])).values[0]).toBe(-infinity);
  });

  test('propagates ∞ and NaN', () => {
    expect(logSumExp(tensor([1, infinity])).values[0]).toBe(infinity);
    expect(logSumExp(tensor([Number.NaN, -infinity])).values[0]).toBeNaN();
  });

  test('explains axes that do not exist', () => {
    expect(() => logSumExp(zeros([2]), { axes: -2 })).toThrow('logSumExp: axis -2 is out of range');
  });
});
