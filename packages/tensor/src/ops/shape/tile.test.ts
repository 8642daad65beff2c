import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { memory } from '../../backend.js';
import { scalar, tensor, zeros } from '../../create.js';
import { OutOfMemoryError, ShapeError } from '../../errors.js';
import { checkOp } from '../../testing/index.js';
import { at, build, counted, expectSame, floats } from './oracle.test.helper.js';
import { repeat, tile } from './tile.js';

describe('tile', () => {
  const repetitions = fc.array(fc.nat({ max: 3 }), { maxLength: 4 });

  test.prop([counted({ maxRank: 3, minSize: 0, maxSize: 3 }), repetitions], { numRuns: 60 })(
    'lays copies side by side',
    (x, times) => {
      const rank = Math.max(x.rank, times.length);
      const sizes = Array.from({ length: rank }, (_, axis) => x.shape[axis - rank + x.rank] ?? 1);
      const shape = sizes.map((size, axis) => size * (times[axis - rank + times.length] ?? 1));
      const expected = build(x.dtype, shape, (index) =>
        at(
          x,
          index.slice(rank - x.rank).map((position, axis) => position % x.shape[axis]),
        ),
      );
      expectSame(tile(x, times), expected);
    },
  );

  test.prop([floats({ maxRank: 2, maxSize: 3 }), fc.integer({ min: 1, max: 3 })], { numRuns: 20 })(
    'obeys the laws of ops',
    (x, times) => {
      checkOp((x) => tile(x, times), [x]);
      checkOp((x) => tile(x, [2, 1, times]), [x]);
    },
  );

  test('frees all but its result', () => {
    const x = zeros([2, 3]);
    const before = memory().tensors;
    tile(x, [2, 2]);
    repeat(x, 2);
    expect(memory().tensors - before).toBe(2);
  });

  test('refuses numbers that are not counts', () => {
    expect(() => tile(zeros([2]), [-1])).toThrow('tile: repetitions [-1] are not counts');
    expect(() => tile(zeros([2]), 1.5)).toThrow(ShapeError);
  });
});

describe('repeat', () => {
  test('reports a result that no memory holds, before it lists positions', () => {
    expect(() => repeat(zeros([3]), 2 ** 33)).toThrow(OutOfMemoryError);
    expect(() => repeat(zeros([3]), 2 ** 53 - 1)).toThrow('repeat: [27021597764222972] is not a shape');
  });

  const repeated = counted({ minRank: 1, maxRank: 3, minSize: 0 }).chain((x) =>
    fc.nat({ max: x.rank - 1 }).chain((axis) =>
      fc.record({
        x: fc.constant(x),
        axis: fc.constantFrom(axis, axis - x.rank),
        counts: fc.array(fc.nat({ max: 3 }), { minLength: x.shape[axis], maxLength: x.shape[axis] }),
      }),
    ),
  );

  test.prop([repeated], { numRuns: 60 })('repeats each slice as often as given', ({ x, axis, counts }) => {
    const along = axis < 0 ? axis + x.rank : axis;
    const sources = counts.flatMap((count, position) => Array.from({ length: count }, () => position));
    const expected = build(x.dtype, x.shape.with(along, sources.length), (index) =>
      at(x, index.with(along, sources[index[along]])),
    );
    expectSame(repeat(x, counts, axis), expected);
    expectSame(repeat(x, 2, axis), repeat(x, new Array(counts.length).fill(2), axis));
  });

  test.prop([floats({ minRank: 1, maxRank: 2, maxSize: 4 })], { numRuns: 20 })('obeys the laws of ops', (x) => {
    checkOp((x) => repeat(x, 3, -1), [x]);
    checkOp((x) => repeat(x, 2), [x]);
    const counts = Array.from({ length: x.shape[0] }, (_, position) => position % 3);
    checkOp((x) => repeat(x, counts, 0), [x]);
  });

  test('flattens by default, scalars too', () => {
    expect([
      ...repeat(
        tensor([
          [1, 2],
          [3, 4],
        ]),
        [1, 0, 2, 1],
      ).values,
    ]).toEqual([1, 3, 3, 4]);
    expect([...repeat(scalar(5), 3).values]).toEqual([5, 5, 5]);
  });

  test('refuses numbers that do not match the axis', () => {
    expect(() => repeat(zeros([3]), [1, 2], 0)).toThrow('repeat: 2 repeats do not match the 3 positions of axis 0');
    expect(() => repeat(zeros([3]), -1, 0)).toThrow('repeat: repeats [-1] are not counts');
    expect(() => repeat(zeros([0]), -1, 0)).toThrow('repeat: repeats [-1] are not counts');
    expect(() => repeat(zeros([3]), 2, 1)).toThrow(ShapeError);
  });
});
