import { test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { zeros } from '../../create.js';
import { ShapeError } from '../../errors.js';
import { broadcastableShapes, checkOp } from '../../testing/index.js';
import { broadcastTo } from './broadcast-to.js';
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
