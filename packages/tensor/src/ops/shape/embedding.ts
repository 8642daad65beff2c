import { checkTensor } from '../../check.js';
import { dtypes } from '../../dtype.js';
import { ShapeError } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import { gatherFor } from './gather.js';

/**
 * Looks up rows of a table: y[...i] = weight[indices[...i]]. It is `gather` along the first axis of a matrix. The
 * gradient adds up the rows of equal indices, in the order of the indices on any number of threads.
 *
 * Unlike PyTorch's, it has no padding index, whose row would get no gradient.
 *
 * @param weight [count, features].
 * @param indices i32 of any shape.
 * @returns f32 [...indices.shape, features].
 * @throws ShapeError unless the table is a matrix; DTypeError unless the indices are i32; RangeError for an index outside
 *   0 … count − 1, which a GPU cannot throw: it picks zeros there.
 *
 * @example
 * ```ts
 * import { embedding, tensor } from '@mobinet/tensor';
 *
 * const table = tensor([[0, 0.5], [1, 1.5], [2, 2.5]]); // three words
 * const sentences = tensor([[2, 0], [1, 1]], { dtype: 'i32' });
 * const y = embedding(table, sentences);
 * console.log(`[${y.shape}]: ${y.values}`);
 * // → [2,2,2]: 2,2.5,0,0.5,1,1.5,1,1.5
 * ```
 */
export function embedding(weight: Tensor, indices: Tensor<'i32'>): Tensor {
  checkTensor('embedding', weight, 'weight', dtypes);
  checkTensor('embedding', indices, 'indices', ['i32']);
  if (weight.rank !== 2) {
    throw new ShapeError('embedding', 'the table is not a matrix', [
      { name: 'weight', shape: weight.shape, note: 'count, features' },
    ]);
  }
  return gatherFor('embedding', weight, indices, 0);
}
