import { checkList, checkTensor, shown } from '../../check.js';
import { normalizeAxis } from '../../check-shape.js';
import { type DType, dtypes } from '../../dtype.js';
import { ShapeError } from '../../errors.js';
import { tidy } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { concat } from './concat.js';
import { reshape } from './reshape.js';
import { slice } from './slice.js';

/**
 * Shifts the elements along axes; those that leave an axis at one end enter it at the other: y[i + shift] = x[i].
 *
 * @param x Of any shape.
 * @param shifts By how many positions: one number for all axes, or one for each. Negative numbers shift towards the
 *   start.
 * @param axes One axis or several; negative ones count from the end, and shifts of a repeated axis add up. Default: x is
 *   rolled as if it had one axis, and keeps its shape, as in NumPy and PyTorch.
 * @returns A copy with the shape and the dtype of x.
 * @throws ShapeError if an axis is out of range, a shift is not a whole number, or there are not as many shifts as axes.
 *
 * @example
 * ```ts
 * import { arange, reshape, roll } from '@mobinet/tensor';
 *
 * const x = reshape(arange(6), [2, 3]);
 * console.log(`${roll(x, 1, 1).values}; ${roll(x, [1, -1], [0, 1]).values}; ${roll(x, 1).values}`);
 * // → 2,0,1,5,3,4; 4,5,3,1,2,0; 5,0,1,2,3,4
 * ```
 */
export function roll<D extends DType>(
  x: Tensor<D>,
  shifts: number | readonly number[],
  axes?: number | readonly number[],
): Tensor<D> {
  checkTensor('roll', x, 'x', dtypes);
  if (axes === undefined) return tidy(() => reshape(roll(reshape(x, [-1]), shifts, 0), x.shape));
  const along = typeof axes === 'number' ? [axes] : axes;
  checkList('roll', along, '[0, 1] of axes');
  const steps = typeof shifts === 'number' ? along.map(() => shifts) : shifts;
  checkList('roll', steps, '[1, -2] of shifts');
  if (steps.length !== along.length || ![...steps].every(Number.isSafeInteger)) {
    throw new ShapeError(
      'roll',
      `shifts ${shown(shifts)} do not match axes ${shown(axes)}`,
      [{ name: 'x', shape: x.shape }],
      'Give one whole number, or one for each axis.',
    );
  }
  return tidy(() =>
    along.reduce((y, axis, at) => rollAxis(y, steps[at], normalizeAxis('roll', axis, x.rank)), reshape(x, x.shape)),
  );
}

/** The last `shift` slices of the axis, followed by the others. */
function rollAxis<D extends DType>(x: Tensor<D>, shift: number, axis: number): Tensor<D> {
  const size = x.shape[axis];
  const moved = size === 0 ? 0 : ((shift % size) + size) % size;
  const cut = x.shape.map((_, at) => (at === axis ? size - moved : 0));
  const end = [...x.shape].with(axis, size - moved);
  return concat(
    [
      slice(x, cut),
      slice(
        x,
        x.shape.map(() => 0),
        end,
      ),
    ],
    axis,
  );
}
