import { checkList, checkTensor } from '../../check.js';
import { broadcastShapes, checkShape } from '../../check-shape.js';
import { type DType, dtypes } from '../../dtype.js';
import { ShapeError } from '../../errors.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import { formatShape, type Shape, sameShape, stridesOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { sumTo } from '../reduce/sum.js';
import { type CopyBlock, copyBlock } from './copy-block.js';
import { copyBlockByRows } from './copy-rows.wasm.js';

/**
 * Repeats x along its axes of size 1, and along new leading axes, to give it this shape (NumPy's rule).
 *
 * @returns A copy of shape `shape`.
 * @throws ShapeError if another axis would have to change, or `shape` is not a shape.
 *
 * @example
 * ```ts
 * import { broadcastTo, tensor } from '@mobinet/tensor';
 *
 * console.log(`${broadcastTo(tensor([[1], [2]]), [2, 3])}`);
 * // → Tensor<f32> [2, 3]
 * // → [[1.0000, 1.0000, 1.0000],
 * // →  [2.0000, 2.0000, 2.0000]]
 * ```
 */
export function broadcastTo<D extends DType>(x: Tensor<D>, shape: Shape): Tensor<D> {
  checkTensor('broadcastTo', x);
  return apply(broadcastToOp, [x], { shape: checkShape('broadcastTo', shape) })[0] as Tensor<D>;
}

const broadcastToOp = defineOp<[Tensor<DType>], [Tensor<DType>], { shape: Shape }>({
  name: 'broadcastTo',
  accepts: [dtypes],
  outputs([x], { shape }) {
    checkBroadcast('broadcastTo', x.shape, shape);
    return [{ dtype: x.dtype, shape }];
  },
  reference: ([x], [y]) => repeat(x, y, copyBlock),
  fast: ([x], [y]) => repeat(x, y, copyBlockByRows),
  webgpu: ([x], [y]) => repeat(x, y, gpuKernels().copyBlockOnGpu),
  gradient: (dy, { inputShapes: [shape] }) => [() => sumTo(dy, shape)],
});

function checkBroadcast(op: string, from: Shape, to: Shape): void {
  if (sameShape(broadcastShapes(op, from, to), to)) return;
  throw new ShapeError(op, `shape ${formatShape(from)} does not broadcast to ${formatShape(to)}`);
}

function repeat(x: Tensor<DType>, y: Tensor<DType>, copy: CopyBlock): void {
  const added = y.rank - x.rank;
  const inner = stridesOf(x.shape);
  const strides = y.shape.map((_, axis) => (axis < added || x.shape[axis - added] === 1 ? 0 : inner[axis - added]));
  copy(y.shape, { tensor: x, strides }, { tensor: y, strides: stridesOf(y.shape) });
}

/**
 * Repeats x along its axes of size 1, as `broadcastTo` does, where −1 leaves an axis as it is: PyTorch's `expand`.
 *
 * @param x Of any shape.
 * @param shape The last axes are those of x; axes in front of them are new, and cannot be −1.
 * @returns A copy (in PyTorch, a view).
 * @throws ShapeError if another axis would have to change, or −1 stands for a new axis.
 *
 * @example
 * ```ts
 * import { expand, tensor } from '@mobinet/tensor';
 *
 * const column = tensor([[1], [2]]);
 * console.log(`${expand(column, [-1, 3]).values}; [${expand(column, [4, -1, 3]).shape}]`);
 * // → 1,1,1,2,2,2; [4,2,3]
 * ```
 */
export function expand<D extends DType>(x: Tensor<D>, shape: Shape): Tensor<D> {
  checkTensor('expand', x, 'x', dtypes);
  checkList('expand', shape);
  const added = shape.length - x.rank;
  if (shape.slice(0, Math.max(0, added)).includes(-1)) {
    throw new ShapeError(
      'expand',
      `−1 in ${formatShape(shape)} stands for an axis that x does not have`,
      [{ name: 'x', shape: x.shape }],
      `Only the last ${x.rank} axes may be −1.`,
    );
  }
  const target = checkShape(
    'expand',
    shape.map((size, axis) => (size === -1 ? x.shape[axis - added] : size)),
  );
  checkBroadcast('expand', x.shape, target);
  return broadcastTo(x, target);
}
