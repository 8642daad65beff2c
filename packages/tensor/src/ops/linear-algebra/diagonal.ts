import { withBackend } from '../../backend.js';
import { checkNumber, checkOptions, checkTensor } from '../../check.js';
import { arange } from '../../create.js';
import { type DType, dtypes } from '../../dtype.js';
import { ShapeError } from '../../errors.js';
import { tidy } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { equal } from '../elementwise/compare.js';
import { where } from '../elementwise/where.js';
import { gather } from '../shape/gather.js';
import { pad } from '../shape/pad.js';
import { reshape } from '../shape/reshape.js';
import { type DiagonalOptions, diagonalNumbers } from './triangles.js';

/**
 * Makes a matrix with the vector x on a diagonal, and 0 elsewhere; or takes a diagonal of the matrix x, as a vector.
 *
 *     from x [n]:             y[i, i + offset] = x[i]  for offset ≥ 0,   y[i − offset, i] = x[i]  below
 *     from x [rows, columns]: y[i] = x[i, i + offset]  for offset ≥ 0,   y[i] = x[i − offset, i]  below
 *
 * @param x A vector [n], or a matrix [rows, columns].
 * @param options.offset The diagonal, counted from the main one: positive above it, negative below it. Default 0.
 * @returns [n + |offset|, n + |offset|] for a vector; for a matrix, a vector as long as the diagonal, which may be empty.
 * @throws ShapeError unless x is a vector or a matrix.
 * @throws RangeError unless the offset is a whole number.
 *
 * @example
 * ```ts
 * import { diag, tensor } from '@mobinet/tensor';
 *
 * const matrix = diag(tensor([1, 2]), { offset: 1 });
 * console.log(`${matrix}`);
 * // → Tensor<f32> [3, 3]
 * // → [[0.0000, 1.0000, 0.0000],
 * // →  [0.0000, 0.0000, 2.0000],
 * // →  [0.0000, 0.0000, 0.0000]]
 * console.log(`${diag(matrix, { offset: 1 }).values}`);
 * // → 1,2
 * ```
 */
export function diag<D extends DType>(x: Tensor<D>, options: DiagonalOptions = {}): Tensor<D> {
  checkTensor('diag', x, 'x', dtypes);
  checkOptions('diag', options, ['offset']);
  const offset = checkNumber('diag: offset', options.offset ?? 0, { isWhole: true });
  if (x.rank === 1) return tidy(() => matrixOf(x, offset));
  if (x.rank === 2) return takeDiagonal(x, offset);
  throw new ShapeError('diag', 'x must be a vector or a matrix', [{ name: 'x', shape: x.shape }]);
}

function matrixOf<D extends DType>(x: Tensor<D>, offset: number): Tensor<D> {
  const size = x.size + Math.abs(offset);
  // Row i of the matrix has x[i] on its diagonal, or for a negative offset, column i has.
  const axis = offset >= 0 ? 0 : 1;
  const padded = reshape(pad(x, [[0, Math.abs(offset)]]), axis === 0 ? [size, 1] : [1, size]);
  return where(
    withBackend(x.backend, () => equal(diagonalNumbers(size, size), offset)),
    padded,
    0,
  );
}

/** Takes a diagonal along the first two axes: from [rows, columns, ...rest] to [length, ...rest]. */
export function takeDiagonal<D extends DType>(x: Tensor<D>, offset: number): Tensor<D> {
  const [rows, columns, ...rest] = x.shape;
  const length = Math.max(0, Math.min(rows, columns, rows + offset, columns - offset));
  const first = offset >= 0 ? offset : -offset * columns;
  return tidy(() => {
    const elements = reshape(x, [rows * columns, ...rest]);
    return gather(
      elements,
      withBackend(x.backend, () => arange(first, first + length * (columns + 1), columns + 1)),
    );
  });
}
