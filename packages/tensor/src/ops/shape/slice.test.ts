import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { arange, tensor, zeros } from '../../create.js';
import { ShapeError } from '../../errors.js';
import { checkOp } from '../../testing/index.js';
import { at, build, counted, expectSame } from './oracle.test.helper.js';
import { reshape } from './reshape.js';
import { slice } from './slice.js';

describe('slice', () => {
  test('takes no strings for numbers', () => {
    expect(() => slice(tensor([1, 2, 3]), [0], ['2' as never])).toThrow(
      'slice: the part from [0] to [2] is not inside x',
    );
  });

  const sliced = counted().chain((x) =>
    fc.record({
      x: fc.constant(x),
      ranges: fc.tuple(
        ...x.shape.map((size) =>
          fc.tuple(fc.nat({ max: size }), fc.nat({ max: size })).map(([a, b]) => [Math.min(a, b), Math.max(a, b)]),
        ),
      ),
    }),
  );

  test.prop([sliced], { numRuns: 60 })('takes the elements between start and end', ({ x, ranges }) => {
    const start = ranges.map(([from]) => from);
    const end = ranges.map(([, to]) => to);
    const expected = build(
      x.dtype,
      ranges.map(([from, to]) => to - from),
      (index) =>
        at(
          x,
          index.map((position, axis) => position + start[axis]),
        ),
    );
    expectSame(slice(x, start, end), expected);
    checkOp((x) => slice(x, start, end), [x], { gradient: false });
  });

  test('counts negative positions from the end, and takes all of the axes that are not listed', () => {
    const x = reshape(arange(24), [2, 3, 4]);
    expectSame(slice(x, [-1, 0, 1], [undefined, -1]), slice(x, [1, 0, 1], [2, 2, 4]));
    expectSame(slice(x, []), x);
  });

  test('has a gradient padded with zeros', () => {
    checkOp(
      (x) => slice(x, [1, 0], [3, -1]),
      [
        tensor([
          [1, 2, 3],
          [4, 5, 6],
          [7, 8, 9],
          [0, 1, 2],
        ]),
      ],
    );
  });

  test.each([
    [[0], [4]],
    [[2], [1]],
    [[-4], []],
    [[0, 0], []],
    [[0.5], [2.5]],
  ])('refuses %j to %j of 3 elements', (start, end) => {
    expect(() => slice(zeros([3]), start, end)).toThrow(ShapeError);
  });
});
