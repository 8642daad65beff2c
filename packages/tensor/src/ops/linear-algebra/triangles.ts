import { withBackend } from '../../backend.js';
import { checkNumber, checkOptions, checkTensor } from '../../check.js';
import { arange } from '../../create.js';
import { type DType, dtypes } from '../../dtype.js';
import { ShapeError } from '../../errors.js';
import { tidy } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { sub } from '../elementwise/binary.js';
import { greaterEqual, lessEqual } from '../elementwise/compare.js';
import { where } from '../elementwise/where.js';
import { reshape } from '../shape/reshape.js';

/** Options of `diag`, `tril` and `triu`. */
export interface DiagonalOptions {
  /**
   * A diagonal, counted from the main one: positive above it, negative below it. PyTorch calls it `diagonal`, NumPy `k`.
   * Default 0.
   */
  offset?: number;
}

/**
 * Keeps the lower triangle of each matrix, and sets the rest to 0: y[..., i, j] is x[..., i, j] if j ≤ i + offset.
 *
 * @param x [..., rows, columns].
 * @param options.offset The last diagonal to keep. Default 0, the main one.
 * @returns The shape of x.
 * @throws ShapeError if x has fewer than two axes; RangeError unless the offset is a whole number.
 *
 * @example
 * ```ts
 * import { ones, tril } from '@mobinet/tensor';
 *
 * console.log(`${tril(ones([3, 3]))}`); // a causal mask: each row sees the columns up to its own
 * // → Tensor<f32> [3, 3]
 * // → [[1.0000, 0.0000, 0.0000],
 * // →  [1.0000, 1.0000, 0.0000],
 * // →  [1.0000, 1.0000, 1.0000]]
 * ```
 */
export function tril<D extends DType>(x: Tensor<D>, options: DiagonalOptions = {}): Tensor<D> {
  return keepDiagonals('tril', x, options, lessEqual);
}

/**
 * Keeps the upper triangle of each matrix, and sets the rest to 0: y[..., i, j] is x[..., i, j] if j ≥ i + offset.
 * Throws as `tril` does.
 *
 * @param x [..., rows, columns].
 * @param options.offset The first diagonal to keep. Default 0, the main one.
 * @returns The shape of x.
 *
 * @example
 * ```ts
 * import { ones, triu } from '@mobinet/tensor';
 *
 * console.log(`${triu(ones([2, 3]), { offset: 1 })}`); // without the main diagonal
 * // → Tensor<f32> [2, 3]
 * // → [[0.0000, 1.0000, 1.0000],
 * // →  [0.0000, 0.0000, 1.0000]]
 * ```
 */
export function triu<D extends DType>(x: Tensor<D>, options: DiagonalOptions = {}): Tensor<D> {
  return keepDiagonals('triu', x, options, greaterEqual);
}

/** Keeps the elements on the diagonals whose number compares with the offset as `isKept` says. */
function keepDiagonals<D extends DType>(
  op: string,
  x: Tensor<D>,
  options: DiagonalOptions,
  isKept: typeof lessEqual,
): Tensor<D> {
  checkTensor(op, x, 'x', dtypes);
  checkOptions(op, options, ['offset']);
  const offset = checkNumber(`${op}: offset`, options.offset ?? 0, { isWhole: true });
  if (x.rank < 2) {
    throw new ShapeError(op, 'x must have at least 2 axes, rows and columns', [{ name: 'x', shape: x.shape }]);
  }
  const [rows, columns] = x.shape.slice(-2);
  return tidy(() => {
    // Beyond the corners, all diagonals are the same to the mask, and i32 can represent these.
    const limit = Math.max(-rows, Math.min(offset, columns));
    const mask = withBackend(x.backend, () => isKept(diagonalNumbers(rows, columns), limit));
    return where(mask, x, 0);
  });
}

/** For each element of a matrix, the number of its diagonal: 0 for the main one, positive above it. i32. */
export function diagonalNumbers(rows: number, columns: number): Tensor<'i32'> {
  return sub(arange(columns), reshape(arange(rows), [rows, 1]));
}
