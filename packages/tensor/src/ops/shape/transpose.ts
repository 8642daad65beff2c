import { checkList, checkTensor } from '../../check.js';
import { type DType, dtypes } from '../../dtype.js';
import { ShapeError } from '../../errors.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import { stridesOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { type CopyBlock, copyBlock } from './copy-block.js';

/**
 * Permutes the axes of x: axis `i` of the result is axis `permutation[i]` of x.
 *
 * @param x Of any shape.
 * @param permutation Must contain every axis once. Default: the axes in reverse order.
 * @throws ShapeError if it is not a permutation.
 *
 * @example
 * ```ts
 * import { transpose, zeros } from '@mobinet/tensor';
 *
 * const nhwc = zeros([8, 32, 24, 3]);
 * console.log(`[${transpose(nhwc, [0, 3, 1, 2]).shape}]`); // NCHW, the layout of PyTorch
 * // → [8,3,32,24]
 * ```
 */
export function transpose<D extends DType>(x: Tensor<D>, permutation?: readonly number[]): Tensor<D> {
  checkTensor('transpose', x);
  if (permutation !== undefined) checkList('transpose', permutation, '[1, 0]');
  const reversed = x.shape.map((_, axis) => x.rank - 1 - axis);
  return apply(transposeOp, [x], { permutation: permutation ?? reversed })[0] as Tensor<D>;
}

const transposeOp = defineOp<[Tensor<DType>], [Tensor<DType>], { permutation: readonly number[] }>({
  name: 'transpose',
  accepts: [dtypes],
  outputs([{ dtype, shape }], { permutation }) {
    if (permutation.length !== shape.length || !shape.every((_, axis) => permutation.includes(axis))) {
      throw new ShapeError(
        'transpose',
        `[${permutation}] is not a permutation of the axes`,
        [{ name: 'x', shape }],
        `It must contain each axis from 0 to ${shape.length - 1} once.`,
      );
    }
    return [{ dtype, shape: permutation.map((axis) => shape[axis]) }];
  },
  reference: ([x], [y], { permutation }) => permute(x, y, permutation, copyBlock),
  webgpu: ([x], [y], { permutation }) => permute(x, y, permutation, gpuKernels().copyBlockOnGpu),
  gradient(dy, { attributes: { permutation } }) {
    const inverse = permutation.map((_, axis) => permutation.indexOf(axis));
    return [() => transpose(dy, inverse)];
  },
});

function permute(x: Tensor<DType>, y: Tensor<DType>, permutation: readonly number[], copy: CopyBlock): void {
  const strides = stridesOf(x.shape);
  const permuted = permutation.map((axis) => strides[axis]);
  copy(y.shape, { tensor: x, strides: permuted }, { tensor: y, strides: stridesOf(y.shape) });
}
