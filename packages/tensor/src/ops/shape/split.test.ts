import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { arange, zeros } from '../../create.js';
import { ShapeError } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import { checkOp } from '../../testing/index.js';
import { concat } from './concat.js';
import { counted, expectSame, floats } from './oracle.test.helper.js';
import { split } from './split.js';

describe('split', () => {
  const divided = counted({ minRank: 1, maxRank: 3, minSize: 0 }).chain((x) =>
    fc.record({
      x: fc.constant(x),
      axis: fc.integer({ min: -x.rank, max: x.rank - 1 }),
      size: fc.integer({ min: 1, max: 6 }),
    }),
  );

  test.prop([divided], { numRuns: 60 })('is undone by concat', ({ x, axis, size }) => {
    const along = axis < 0 ? axis + x.rank : axis;
    const parts = split(x, size, axis);
    expectSame(concat(parts, axis), x);
    for (const part of parts.slice(0, -1)) expect(part.shape[along]).toBe(size);
    const sizes = parts.map(({ shape }) => shape[along]);
    split(x, sizes, axis).forEach((part, at) => {
      expectSame(part, parts[at]);
    });
  });

  test.prop([floats({ minRank: 1, maxRank: 2, minSize: 2 })], { numRuns: 20 })('obeys the laws of ops', (x) => {
    checkOp((x: Tensor) => split(x, [1, x.shape[0] - 1])[1], [x]);
    checkOp((x: Tensor) => split(x, 1, -1)[0], [x]);
  });

  test('makes empty parts if asked to', () => {
    expect(split(arange(3), [0, 3, 0]).map(({ size }) => size)).toEqual([0, 3, 0]);
    expect(split(zeros([0, 2]), 3).map(({ shape }) => shape)).toEqual([[0, 2]]);
  });

  test('refuses sizes that do not fill the axis', () => {
    expect(() => split(arange(5), [2, 2])).toThrow('split: sizes [2,2] do not divide axis 0, which has size 5');
    expect(() => split(arange(5), 0)).toThrow('Give one whole number above 0');
    expect(() => split(arange(0), 0)).toThrow('Give one whole number above 0');
    expect(() => split(arange(5), [6, -1])).toThrow(ShapeError);
    expect(() => split(arange(5), 1, 1)).toThrow(ShapeError);
  });
});
