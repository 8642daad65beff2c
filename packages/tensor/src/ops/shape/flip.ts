import { checkTensor } from '../../check.js';
import { normalizeAxes } from '../../check-shape.js';
import { type DType, dtypes } from '../../dtype.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import { stridesOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { type CopyBlock, copyBlock, offsetOf } from './copy-block.js';
import { copyBlockByRows } from './copy-rows.wasm.js';

/**
 * Reverses the order of the elements along axes: y[i] = x[size − 1 − i]. The result is a copy, as in PyTorch.
 *
 * @param x Of any shape.
 * @param axes One axis or several; negative ones count from the end. Default: all, as in NumPy (PyTorch has no default).
 * @returns The shape and the dtype of x.
 * @throws ShapeError if an axis is out of range or repeated.
 *
 * @example
 * ```ts
 * import { flip, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([[1, 2, 3], [4, 5, 6]]);
 * console.log(`${flip(x, -1).values}; ${flip(x).values}`); // mirrored; turned by 180°
 * // → 3,2,1,6,5,4; 6,5,4,3,2,1
 * ```
 */
export function flip<D extends DType>(x: Tensor<D>, axes?: number | readonly number[]): Tensor<D> {
  checkTensor('flip', x);
  return apply(flipOp, [x], { axes: normalizeAxes('flip', axes, x.rank) })[0] as Tensor<D>;
}

const flipOp = defineOp<[Tensor<DType>], [Tensor<DType>], { axes: readonly number[] }>({
  name: 'flip',
  accepts: [dtypes],
  outputs: ([{ dtype, shape }]) => [{ dtype, shape }],
  reference: ([x], [y], { axes }) => reverse(x, y, axes, copyBlock),
  fast: ([x], [y], { axes }) => reverse(x, y, axes, copyBlockByRows),
  webgpu: ([x], [y], { axes }) => reverse(x, y, axes, gpuKernels().copyBlockOnGpu),
  gradient: (dy, { attributes: { axes } }) => [() => flip(dy, axes)],
});

/** Reads x from its last element along these axes, in steps backwards. */
function reverse(x: Tensor<DType>, y: Tensor<DType>, axes: readonly number[], copy: CopyBlock): void {
  const strides = stridesOf(x.shape);
  const last = x.shape.map((size, axis) => (axes.includes(axis) ? size - 1 : 0));
  const backwards = strides.map((stride, axis) => (axes.includes(axis) ? -stride : stride));
  copy(
    x.shape,
    { tensor: x, strides: backwards, offset: offsetOf(last, strides) },
    { tensor: y, strides: stridesOf(y.shape) },
  );
}
