import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { memory } from '../../backend.js';
import { scalar, zeros } from '../../create.js';
import { ShapeError } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import { checkOp } from '../../testing/index.js';
import { at, build, counted, expectSame, floats } from './oracle.test.helper.js';
import { roll } from './roll.js';

describe('roll', () => {
  const rolled = counted({ minRank: 1, maxRank: 3, minSize: 0 }).chain((x) =>
    fc.record({
      x: fc.constant(x),
      shifts: fc.tuple(...x.shape.map(() => fc.integer({ min: -12, max: 12 }))),
    }),
  );

  test.prop([rolled], { numRuns: 60 })('moves elements around each axis', ({ x, shifts }) => {
    const axes = x.shape.map((_, axis) => axis);
    const expected = build(x.dtype, x.shape, (index) =>
      at(
        x,
        index.map((position, axis) => (((position - shifts[axis]) % x.shape[axis]) + x.shape[axis]) % x.shape[axis]),
      ),
    );
    expectSame(roll(x, shifts, axes), expected);
    expectSame(
      roll(
        expected,
        shifts.map((shift) => -shift),
        axes,
      ),
      x,
    );
  });

  test.prop([floats(), fc.integer({ min: -5, max: 5 })], { numRuns: 20 })('obeys the laws of ops', (x, shift) => {
    checkOp((x: Tensor) => roll(x, shift), [x]);
    if (x.rank > 0) checkOp((x: Tensor) => roll(x, shift, -1), [x]);
  });

  test('adds up the shifts of a repeated axis, and keeps a scalar', () => {
    const x = build('i32', [5], ([i]) => i);
    expectSame(roll(x, [1, 2], [0, 0]), roll(x, 3, 0));
    expectSame(roll(scalar(2), 7), scalar(2));
  });

  test('frees all but its result, which does not share the memory of x', () => {
    const x = build('i32', [2, 3], ([i, j]) => 3 * i + j);
    const before = memory().tensors;
    const results = [roll(x, 1), roll(x, [1, 1], [0, 1]), roll(x, 0, 0)];
    expect(memory().tensors - before).toBe(3);
    for (const y of results) y.values.fill(9);
    expect([...x.values]).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('refuses shifts that do not match the axes', () => {
    expect(() => roll(zeros([2, 2]), [1], [0, 1])).toThrow('roll: shifts [1] do not match axes [0,1]');
    expect(() => roll(zeros([2]), 0.5, 0)).toThrow('Give one whole number, or one for each axis.');
    expect(() => roll(zeros([2]), 1, 1)).toThrow(ShapeError);
  });
});
