import { test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { zeros } from '../../create.js';
import { ShapeError } from '../../errors.js';
import { broadcastableShapes, checkOp } from '../../testing/index.js';
import { broadcastTo, expand } from './broadcast-to.js';
import { at, build, expectSame } from './oracle.test.helper.js';

describe('broadcastTo', () => {
  test.prop([broadcastableShapes({ maxRank: 3, maxSize: 4 })], { numRuns: 60 })('repeats elements', ([from, other]) => {
    const rank = Math.max(from.length, other.length);
    const shape = Array.from({ length: rank }, (_, axis) =>
      Math.max(from[axis - rank + from.length] ?? 1, other[axis - rank + other.length] ?? 1),
    );
    const x = build('f32', from, (index) => Math.cos(index.reduce((sum, position) => sum * 5 + position, 0)));
    const expected = build('f32', shape, (index) =>
      at(
        x,
        index.slice(rank - from.length).map((position, axis) => (from[axis] === 1 ? 0 : position)),
      ),
    );
    expectSame(broadcastTo(x, shape), expected);
    checkOp((x) => broadcastTo(x, shape), [x]);
  });

  test('refuses to change an axis that is not of size 1', () => {
    expect(() => broadcastTo(zeros([3]), [2, 2])).toThrow(ShapeError);
    expect(() => broadcastTo(zeros([3]), [1])).toThrow('broadcastTo: shape [3] does not broadcast to [1]');
  });
});

describe('expand', () => {
  test('keeps axes of −1, and broadcasts the others', () => {
    const x = build('f32', [2, 1], ([i]) => i);
    expectSame(expand(x, [3, -1, 4]), broadcastTo(x, [3, 2, 4]));
    expectSame(expand(x, [-1, -1]), x);
    expect(expand(zeros([]), [2, 0]).shape).toEqual([2, 0]);
    checkOp((x) => expand(x, [-1, 3]), [x]);
  });

  test('refuses −1 for a new axis, and fewer axes than x has', () => {
    expect(() => expand(zeros([3]), [-1, 3])).toThrow('expand: −1 in [-1, 3] stands for an axis that x does not have');
    expect(() => expand(zeros([2, 3]), [3])).toThrow('expand: ');
    expect(() => expand(zeros([2, 3]), [4, 3])).toThrow('expand: shapes [2, 3] and [4, 3] do not broadcast');
    expect(() => expand(zeros([2, 3]), [-1])).toThrow(ShapeError);
    expect(() => expand(zeros([3]), [-2])).toThrow(ShapeError);
  });
});
