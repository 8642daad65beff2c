import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { scalar, tensor, zeros } from '../../create.js';
import { ShapeError } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import { checkOp } from '../../testing/index.js';
import { flip } from './flip.js';
import { at, build, counted, expectSame, floats } from './oracle.test.helper.js';

describe('flip', () => {
  const flipped = counted({ maxRank: 4, minSize: 0 }).chain((x) =>
    fc.record({ x: fc.constant(x), axes: fc.subarray(x.shape.map((_, axis) => axis)) }),
  );

  test.prop([flipped], { numRuns: 60 })('reverses the given axes, and flips back', ({ x, axes }) => {
    const expected = build(x.dtype, x.shape, (index) =>
      at(
        x,
        index.map((position, axis) => (axes.includes(axis) ? x.shape[axis] - 1 - position : position)),
      ),
    );
    expectSame(flip(x, axes), expected);
    expectSame(
      flip(
        flip(x, axes),
        axes.map((axis) => axis - x.rank),
      ),
      x,
    );
  });

  test.prop([floats(), fc.nat()], { numRuns: 30 })('obeys the laws of ops', (x, seed) => {
    checkOp((x: Tensor) => flip(x, x.rank === 0 ? [] : seed % x.rank), [x]);
    checkOp((x: Tensor) => flip(x), [x]);
  });

  test('keeps a scalar, NaN and −0', () => {
    expectSame(flip(scalar(3)), scalar(3));
    expect([...flip(tensor([-0, Number.NaN, 1])).values]).toEqual([1, Number.NaN, -0]);
  });

  test('refuses axes that x does not have, or that are repeated', () => {
    expect(() => flip(zeros([2]), 1)).toThrow(ShapeError);
    expect(() => flip(zeros([2, 2]), [0, -2])).toThrow('flip: axes [0,-2] repeat an axis');
  });
});
