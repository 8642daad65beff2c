import { checkList, checkTensor, shown } from '../../check.js';
import { normalizeAxis } from '../../check-shape.js';
import { type DType, dtypes } from '../../dtype.js';
import { ShapeError } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import { slice } from './slice.js';

/**
 * Cuts x into parts along an axis, as PyTorch's `split` does. The inverse of `concat`.
 *
 * @param x Of any shape, except a scalar.
 * @param sizes The size of each part: one number for all, where the last part has what is left, or a list whose sum is
 *   the size of the axis. NumPy's `split(x, 3)` makes 3 equal parts instead: `split(x, x.shape[axis] / 3, axis)`. Its
 *   list has the positions between the parts, not their sizes.
 * @param axis Negative ones count from the end. Default 0.
 * @returns The parts, which are copies (in PyTorch, views). An axis of size 0 has one part, which is empty.
 * @throws ShapeError if the axis is out of range, or the sizes are not whole numbers whose sum is the size of the axis.
 *
 * @example
 * ```ts
 * import { arange, split } from '@mobinet/tensor';
 *
 * const x = arange(5);
 * console.log(split(x, 2).map(({ values }) => `[${values}]`).join(', '));
 * // → [0,1], [2,3], [4]
 * const [head, tail] = split(x, [1, 4]);
 * console.log(`[${head.values}], [${tail.values}]`);
 * // → [0], [1,2,3,4]
 * ```
 */
export function split<D extends DType>(x: Tensor<D>, sizes: number | readonly number[], axis = 0): Tensor<D>[] {
  checkTensor('split', x, 'x', dtypes);
  const along = normalizeAxis('split', axis, x.rank);
  const whole = x.shape[along];
  const parts = typeof sizes === 'number' ? equalParts(whole, sizes) : sizes;
  checkList('split', parts);
  const isCount = (size: number): boolean => Number.isSafeInteger(size) && size >= 0;
  if (sizes === 0 || !parts.every(isCount) || parts.reduce((sum, size) => sum + size, 0) !== whole) {
    throw new ShapeError(
      'split',
      `sizes ${shown(sizes)} do not divide axis ${along}, which has size ${whole}`,
      [{ name: 'x', shape: x.shape }],
      'Give one whole number above 0, or a list whose sum is the size of the axis.',
    );
  }
  let start = 0;
  return parts.map((size) => {
    const from = x.shape.map((_, at) => (at === along ? start : 0));
    start += size;
    return slice(x, from, [...x.shape].with(along, start));
  });
}

/** Parts of this size, of which the last may be smaller. Sizes that are no sizes are left to the check. */
function equalParts(whole: number, size: number): number[] {
  if (!Number.isSafeInteger(size) || size < 1) return [size];
  const count = Math.max(1, Math.ceil(whole / size));
  return Array.from({ length: count }, (_, part) => Math.min(size, whole - part * size));
}
