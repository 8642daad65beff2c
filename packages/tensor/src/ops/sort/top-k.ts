import { checkChoice, checkNumber, checkOptions, checkTensor, wholeNumbers } from '../../check.js';
import { normalizeAxis } from '../../check-shape.js';
import { type DType, dtypes } from '../../dtype.js';
import { ShapeError } from '../../errors.js';
import { tidy } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { slice } from '../shape/slice.js';
import { orderAlong, pick } from './sort.js';

/** Options of `topK`. */
export interface TopKOptions {
  /** The axis along which to choose. Default: the last one. */
  axis?: number;
  /** Whether to choose the largest elements rather than the smallest. Default true. */
  largest?: boolean;
}

/** What `topK` returns. */
export interface TopKResult<D extends DType = DType> {
  /** The chosen elements: the shape of x with size k along the axis. */
  readonly values: Tensor<D>;
  /** Their indices along the axis: of the same shape. */
  readonly indices: Tensor<'i32'>;
}

/**
 * Finds the k largest or smallest elements along an axis, the best one first. Equal elements keep their order (PyTorch
 * promises none). NaN counts as larger than all numbers. The gradient of each value goes back to
 * where it came from.
 *
 * @param x Of any shape, except a scalar.
 * @param k How many, at most as many as the axis has elements.
 * @throws RangeError unless k is a whole number, 0 or more.
 * @throws ShapeError if the axis is out of range, as any is for a scalar, or shorter than k.
 * @returns Values and i32 indices, both of the shape of x with k elements along the axis.
 *
 * @example
 * ```ts
 * import { tensor, topK } from '@mobinet/tensor';
 *
 * const logits = tensor([[0.1, 2, -1, 1], [3, 0, 1, 2]]);
 * const { values, indices } = topK(logits, 2);
 * console.log(`classes ${indices.values} with logits ${values.values}`); // the two best of each row
 * // → classes 1,3,0,3 with logits 2,1,3,2
 * ```
 */
export function topK<D extends DType>(x: Tensor<D>, k: number, options: TopKOptions = {}): TopKResult<D> {
  checkTensor('topK', x, 'x', dtypes);
  checkNumber('topK: k', k, wholeNumbers(0));
  checkOptions('topK', options, ['axis', 'largest']);
  const { axis = -1, largest = true } = options;
  checkChoice('topK: largest', largest, [true, false]);
  const along = normalizeAxis('topK', axis, x.rank);
  if (k > x.shape[along]) {
    throw new ShapeError(
      'topK',
      `axis ${along} has ${x.shape[along]} elements, not ${k}`,
      [{ name: 'x', shape: x.shape }],
      'k must not exceed the size of the axis.',
    );
  }
  return tidy(() => {
    const { indices, positions } = orderAlong(x, along, largest);
    const first = (order: Tensor<'i32'>): Tensor<'i32'> => slice(order, [], x.shape.with(along, k));
    return { values: pick(x, first(positions)), indices: first(indices) };
  });
}
