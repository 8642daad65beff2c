import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { tensor, zeros } from '../../create.js';
import { DTypeError, ShapeError } from '../../errors.js';
import { toBackend } from '../../move.js';
import type { Rng } from '../../random.js';
import { sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { checkOp, shapes } from '../../testing/index.js';
import { rngs } from '../borders.test.helper.js';
import { mul } from '../elementwise/binary.js';
import { cast } from '../elementwise/cast.js';
import { embedding } from './embedding.js';
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

  /** Slices of every width next to those of vectors, of four of them, and of what a thread takes at once. */
  const wide = fc.record({
    outer: fc.constantFrom(1, 3),
    size: fc.constantFrom(1, 2, 7),
    run: fc.constantFrom(1, 2, 3, 4, 5, 15, 16, 17, 31, 33, 67, 128),
    picks: fc.constantFrom(0, 1, 3, 40),
    rng: rngs,
  });
  const indicesOf = ({ size, picks, rng }: { size: number; picks: number; rng: Rng }): Tensor<'i32'> =>
    tensor(
      Array.from({ length: picks }, () => rng.integer(size)),
      { dtype: 'i32' },
    );

  test.prop([wide], { numRuns: 80 })('agree with their definitions on slices of any width', (it) => {
    const { outer, size, run, picks, rng } = it;
    const indices = indicesOf(it);
    const exactly = { gradient: false, tolerance: 0 };
    checkOp((x: Tensor) => gather(x, toBackend(indices), 1), [rng.normal([outer, size, run])], exactly);
    // The sums have the same order.
    checkOp(
      (updates: Tensor) => scatterAdd(updates, toBackend(indices), size, 1),
      [rng.normal([outer, picks, run])],
      exactly,
    );
  });

  test.prop([wide, fc.constantFrom('u8', 'i16', 'i32', 'u32')], { numRuns: 40 })(
    'gather copies integers of any width',
    (it, dtype) => {
      const indices = indicesOf(it);
      const x = cast(mul(it.rng.uniform([it.outer, it.size, it.run]), 200), dtype);
      checkOp((x) => gather(x, toBackend(indices), 1), [x], { gradient: false });
    },
  );

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

describe('embedding', () => {
  const lookups = fc.record({
    indices: shapes({ maxRank: 3, maxSize: 3 }),
    features: fc.constantFrom(1, 3, 4, 20),
    rng: rngs,
  });

  test.prop([lookups], { numRuns: 40 })('looks up a row for each index, of any shape', ({ indices, features, rng }) => {
    const table = rng.normal([5, features]);
    const words = tensor(
      Array.from({ length: sizeOf(indices) }, () => rng.integer(5)),
      { shape: indices, dtype: 'i32' },
    );
    const expected = build('f32', [...indices, features], (index) =>
      at(table, [at(words, index.slice(0, -1)), index.at(-1)!]),
    );
    expectSame(embedding(table, words), expected);
    checkOp((table: Tensor) => embedding(table, toBackend(words)), [table]);
  });

  test('explains wrong arguments', () => {
    const index = zeros([2], 'i32');
    expect(() => embedding(zeros([2]), index)).toThrow(
      ['embedding: the table is not a matrix', '  weight  [2]  count, features'].join('\n'),
    );
    expect(() => embedding(zeros([0, 4]), index)).toThrow(RangeError);
    expect(() => embedding(zeros([2, 4]), tensor([0, 2], { dtype: 'i32' }))).toThrow(
      'embedding: index 2 at position 1 is outside 0 … 1',
    );
    const floats = zeros([2]);
    // @ts-expect-error floats are no indices
    expect(() => embedding(zeros([2, 2]), floats)).toThrow(DTypeError);
  });
});
