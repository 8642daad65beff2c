import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { tensor, zeros } from '../../create.js';
import { ShapeError } from '../../errors.js';
import { toBackend } from '../../move.js';
import { sizeOf } from '../../shape.js';
import { checkOp, shapes } from '../../testing/index.js';
import { gather, scatterAdd } from './gather.js';
import { at, build, counted, expectSame } from './oracle.test.helper.js';

describe('gather and scatterAdd', () => {
  const picks = counted({ minRank: 1, maxRank: 3 }).chain((x) =>
    fc.nat({ max: x.rank - 1 }).chain((axis) =>
      fc.record({
        x: fc.constant(x),
        axis: fc.constant(axis),
        indices: shapes({ maxRank: 2, maxSize: 3 }).chain((shape) =>
          fc
            .array(fc.nat({ max: x.shape[axis] - 1 }), { minLength: sizeOf(shape), maxLength: sizeOf(shape) })
            .map((values) => tensor(values, { shape, dtype: 'i32' })),
        ),
      }),
    ),
  );

  test.prop([picks], { numRuns: 60 })('gather picks slices along an axis', ({ x, axis, indices }) => {
    const expected = build(x.dtype, x.shape.toSpliced(axis, 1, ...indices.shape), (index) => {
      const picked = at(indices, index.slice(axis, axis + indices.rank));
      return at(x, index.toSpliced(axis, indices.rank, picked));
    });
    expectSame(gather(x, indices, axis), expected);
  });

  test.prop([picks], { numRuns: 30 })('obey the laws of ops', ({ x, axis, indices }) => {
    const floats = build('f32', x.shape, (index) => Math.cos(at(x, index)));
    checkOp((x) => gather(x, toBackend(indices), axis), [floats]);
    checkOp((updates) => scatterAdd(updates, toBackend(indices), x.shape[axis], axis), [gather(floats, indices, axis)]);
  });

  test('scatterAdd adds up slices of equal indices', () => {
    const indices = tensor([2, 0, 2], { dtype: 'i32' });
    expectSame(
      scatterAdd(
        tensor([
          [1, 2],
          [3, 4],
          [5, 6],
        ]),
        indices,
        3,
      ),
      tensor([
        [3, 4],
        [0, 0],
        [6, 8],
      ]),
    );
    expect(() => scatterAdd(zeros([2, 2]), indices, 3)).toThrow(ShapeError);
  });

  test.each([3, -1])('refuses index %i of 3', (index) => {
    const indices = tensor([index], { dtype: 'i32' });
    expect(() => gather(zeros([3]), indices)).toThrow(`gather: index ${index} at position 0 is outside 0 … 2`);
    expect(() => scatterAdd(zeros([1]), indices, 3)).toThrow(RangeError);
  });
});
