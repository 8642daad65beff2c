import { checkTensor } from '../../check.js';
import { type DType, dtypes } from '../../dtype.js';
import { tidy } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { equal, notEqual } from '../elementwise/compare.js';
import { type ReduceOptions, reductionOf } from './reduction.js';
import { sum } from './sum.js';

/**
 * Tests whether any element over `axes` is not 0: u8, 1 where it holds, else 0. NaN is not 0. Without elements it is 0.
 *
 * @param x Of any shape.
 * @returns u8, the shape of x without the reduced axes, or with size 1 there (`keepDims`).
 * @throws ShapeError if an axis is out of range or named twice.
 *
 * @example
 * ```ts
 * import { any, greater, tensor } from '@mobinet/tensor';
 *
 * const scores = tensor([[0.1, 0.7], [0.2, 0.3]]);
 * console.log(`${any(greater(scores, 0.5), { axes: 1 }).values}`); // the rows with a score above 0.5
 * // → 1,0
 * ```
 */
export function any(x: Tensor<DType>, options: ReduceOptions = {}): Tensor<'u8'> {
  checkTensor('any', x, 'x', dtypes);
  reductionOf('any', x.shape, options); // for errors that name this function
  return tidy(() => notEqual(sum(notEqual(x, 0), options), 0));
}

/**
 * Tests whether all elements over `axes` are different from 0: u8, 1 where it holds, else 0. NaN is not 0. Without
 * elements it is 1. Throws as `any` does.
 *
 * @param x Of any shape.
 * @returns u8, the shape of x without the reduced axes, or with size 1 there (`keepDims`).
 *
 * @example
 * ```ts
 * import { all, equal, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([1, 2, 3]);
 * console.log(`${all(equal(x, x)).values}, ${all(equal(x, 2)).values}`);
 * // → 1, 0
 * ```
 */
export function all(x: Tensor<DType>, options: ReduceOptions = {}): Tensor<'u8'> {
  checkTensor('all', x, 'x', dtypes);
  reductionOf('all', x.shape, options);
  return tidy(() => equal(sum(equal(x, 0), options), 0));
}
