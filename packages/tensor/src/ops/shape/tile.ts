import { withBackend } from '../../backend.js';
import { checkList, checkTensor, shown } from '../../check.js';
import { checkShape, normalizeAxis } from '../../check-shape.js';
import { fromHost } from '../../create.js';
import { type DType, dtypes } from '../../dtype.js';
import { ShapeError } from '../../errors.js';
import { tidy } from '../../scope.js';
import type { Shape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { broadcastTo } from './broadcast-to.js';
import { gather } from './gather.js';
import { reshape } from './reshape.js';

/**
 * Lays copies of x side by side along each axis, as `tile` of NumPy and PyTorch do, and PyTorch's `x.repeat(…)`. To
 * repeat single elements, use `repeat`.
 *
 * @param x Of any shape.
 * @param repetitions The number of copies along each axis. A shorter list, or a number, counts from the last axis; a
 *   longer list adds axes in front.
 * @returns A copy, as long along each axis as its repetitions together.
 * @throws ShapeError if a repetition is not a whole number of at least 0.
 *
 * @example
 * ```ts
 * import { tensor, tile } from '@mobinet/tensor';
 *
 * const x = tensor([[1, 2]]);
 * console.log(`${tile(x, 2)}`);
 * // → Tensor<f32> [1, 4]
 * // → [[1.0000, 2.0000, 1.0000, 2.0000]]
 * console.log(`[${tile(x, [3, 2, 1]).shape}]`);
 * // → [3,2,2]
 * ```
 */
export function tile<D extends DType>(x: Tensor<D>, repetitions: number | readonly number[]): Tensor<D> {
  checkTensor('tile', x, 'x', dtypes);
  const given = typeof repetitions === 'number' ? [repetitions] : repetitions;
  checkList('tile', given);
  checkCounts('tile', 'repetitions', given, x.shape);
  const rank = Math.max(x.rank, given.length);
  const sizes = [...new Array<number>(rank - x.rank).fill(1), ...x.shape];
  const times = [...new Array<number>(rank - given.length).fill(1), ...given];
  // Each axis becomes two: that of the copies, and its own.
  return tidy(() => {
    const apart = reshape(
      x,
      sizes.flatMap((size) => [1, size]),
    );
    const repeated = broadcastTo(
      apart,
      sizes.flatMap((size, axis) => [times[axis], size]),
    );
    return reshape(
      repeated,
      sizes.map((size, axis) => times[axis] * size),
    );
  });
}

/**
 * Repeats each element, or each slice of an axis: NumPy's `repeat`, PyTorch's `repeat_interleave`. (PyTorch's
 * `x.repeat(…)` is `tile`.)
 *
 * @param x Of any shape.
 * @param repeats How often: one number for all, or one for each position of the axis.
 * @param axis Negative ones count from the end. Default: x is flattened first, as in NumPy and PyTorch.
 * @returns A copy with the dtype of x. The axis is as long as all repeats together.
 * @throws ShapeError if the axis is out of range, a number is not a whole one of at least 0, or there are not as many
 *   as positions.
 *
 * @example
 * ```ts
 * import { repeat, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([[1, 2], [3, 4]]);
 * console.log(`${repeat(x, 2).values}; ${repeat(x, [1, 2], 0).values}`);
 * // → 1,1,2,2,3,3,4,4; 1,2,3,4,3,4
 * ```
 */
export function repeat<D extends DType>(x: Tensor<D>, repeats: number | readonly number[], axis?: number): Tensor<D> {
  checkTensor('repeat', x, 'x', dtypes);
  if (axis === undefined) return tidy(() => repeat(reshape(x, [-1]), repeats, 0));
  const along = normalizeAxis('repeat', axis, x.rank);
  const size = x.shape[along];
  const counts = typeof repeats === 'number' ? new Array<number>(size).fill(repeats) : repeats;
  checkList('repeat', counts);
  checkCounts('repeat', 'repeats', typeof repeats === 'number' ? [repeats] : counts, x.shape);
  if (counts.length !== size) {
    throw new ShapeError(
      'repeat',
      `${counts.length} repeats do not match the ${size} positions of axis ${along}`,
      [{ name: 'x', shape: x.shape }],
      'Give one number, or one for each position.',
    );
  }
  const shape = checkShape('repeat', [counts.reduce((sum, count) => sum + count, 0)]);
  const fill = (values: Int32Array): void => {
    let at = 0;
    for (const [position, count] of counts.entries()) {
      values.fill(position, at, at + count);
      at += count;
    }
  };
  return tidy(() =>
    gather(
      x,
      withBackend(x.backend, () => fromHost('i32', shape, fill, 'repeat')),
      along,
    ),
  );
}

function checkCounts(op: string, name: string, counts: readonly number[], shape: Shape): void {
  if ([...counts].every((count) => Number.isSafeInteger(count) && count >= 0)) return;
  throw new ShapeError(
    op,
    `${name} ${shown(counts)} are not counts`,
    [{ name: 'x', shape }],
    'Each must be a whole number, 0 or more.',
  );
}
