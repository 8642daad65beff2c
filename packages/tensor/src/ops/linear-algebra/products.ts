import { checkTensor } from '../../check.js';
import { type DType, dtypes } from '../../dtype.js';
import { ShapeError } from '../../errors.js';
import { tidy } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { mul } from '../elementwise/binary.js';
import { matmul } from '../matmul/matmul.js';
import { reshape } from '../shape/reshape.js';

/**
 * Computes the dot product of two vectors: Σ a[i]·b[i]. As in PyTorch, there is no other case (NumPy's `dot` also
 * multiplies matrices: see `matmul`).
 *
 * @param a [n].
 * @param b [n].
 * @returns f32, a scalar.
 * @throws ShapeError unless both are vectors of the same length.
 *
 * @example
 * ```ts
 * import { dot, tensor } from '@mobinet/tensor';
 *
 * console.log(`${dot(tensor([1, 2, 3]), tensor([1, 0, -1])).values}`);
 * // → -2
 * ```
 */
export function dot(a: Tensor, b: Tensor): Tensor {
  checkVectors('dot', a, b, ['f32']);
  if (a.size !== b.size) {
    throw new ShapeError('dot', 'the vectors must have the same length', [
      { name: 'a', shape: a.shape },
      { name: 'b', shape: b.shape },
    ]);
  }
  return tidy(() => reshape(matmul(reshape(a, [1, a.size]), reshape(b, [b.size, 1])), []));
}

/**
 * Computes the outer product of two vectors, all products of an element of each: y[i, j] = a[i]·b[j].
 *
 * @param a [n].
 * @param b [m].
 * @returns [n, m].
 * @throws ShapeError unless both are vectors (NumPy's `outer` flattens other tensors); DTypeError if the dtypes differ.
 *
 * @example
 * ```ts
 * import { outer, tensor } from '@mobinet/tensor';
 *
 * console.log(`${outer(tensor([1, 2]), tensor([1, 10, 100]))}`);
 * // → Tensor<f32> [2, 3]
 * // → [[  1.0000,  10.0000, 100.0000],
 * // →  [  2.0000,  20.0000, 200.0000]]
 * ```
 */
export function outer<D extends DType>(a: Tensor<D>, b: Tensor<NoInfer<D>>): Tensor<D> {
  checkVectors('outer', a, b, dtypes);
  checkTensor('outer', b, 'b', [a.dtype]);
  return tidy(() => mul(reshape(a, [a.size, 1]), b));
}

function checkVectors(op: string, a: Tensor<DType>, b: Tensor<DType>, accepted: readonly DType[]): void {
  checkTensor(op, a, 'a', accepted);
  checkTensor(op, b, 'b', accepted);
  if (a.rank === 1 && b.rank === 1) return;
  throw new ShapeError(
    op,
    'a and b must be vectors',
    [
      { name: 'a', shape: a.shape },
      { name: 'b', shape: b.shape },
    ],
    'For matrices, use matmul or einsum.',
  );
}
