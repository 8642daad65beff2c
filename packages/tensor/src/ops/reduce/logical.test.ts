import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { tensor, zeros } from '../../create.js';
import { dtypes } from '../../dtype.js';
import { sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { checkOp, shapes } from '../../testing/index.js';
import { all, any } from './logical.js';
import { groups, shapeOfReduction } from './reduce.test.helper.js';

const inputs = shapes({ maxRank: 3, maxSize: 3 }).chain((shape) =>
  fc.record({
    x: fc
      .tuple(
        fc.array(fc.constantFrom(0, 0, 1, 7), { minLength: sizeOf(shape), maxLength: sizeOf(shape) }),
        fc.constantFrom(...dtypes),
      )
      .map(([values, dtype]) => tensor(values, { shape, dtype })),
    axes: fc.subarray([...shape.keys()]),
    keepDims: fc.boolean(),
  }),
);

describe('any and all', () => {
  test.prop([inputs], { numRuns: 60 })('test the elements over any axes', ({ x, axes, keepDims }) => {
    const lines = groups(x, axes);
    const expected = {
      any: lines.map((line) => Number(line.some((value) => value !== 0))),
      all: lines.map((line) => Number(line.every((value) => value !== 0))),
    };
    for (const test of [any, all]) {
      const y = test(x, { axes, keepDims });
      expect(y.dtype).toBe('u8');
      expect(y.shape).toEqual(shapeOfReduction(x.shape, axes, keepDims));
      expect([...y.values]).toEqual(expected[test.name as 'any' | 'all']);
      checkOp((x: Tensor) => test(x, { axes, keepDims }), [x as Tensor], { gradient: false });
    }
  });

  test('NaN is true, and zeros of both signs are false', () => {
    const x = tensor([
      [Number.NaN, 1],
      [0, -0],
      [-0, Number.NEGATIVE_INFINITY],
    ]);
    expect([...any(x, { axes: 1 }).values]).toEqual([1, 0, 1]);
    expect([...all(x, { axes: 1 }).values]).toEqual([1, 0, 0]);
  });

  test('of no elements, none is true, and so all are', () => {
    expect(any(zeros([0])).values[0]).toBe(0);
    expect(all(zeros([0])).values[0]).toBe(1);
  });

  test('explain wrong options', () => {
    expect(() => any(zeros([2]), { axes: 1 })).toThrow('any: axis 1 is out of range for a tensor of rank 1');
    expect(() => all(zeros([2]), { axis: 0 } as never)).toThrow('all has no option "axis"');
  });
});
