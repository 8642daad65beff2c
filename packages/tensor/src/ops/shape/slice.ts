import { checkList, checkTensor } from '../../check.js';
import { type DType, dtypes } from '../../dtype.js';
import { ShapeError } from '../../errors.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import { formatShape, type Shape, stridesOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { constantPad } from './constant-pad.js';
import { type CopyBlock, copyBlock, offsetOf } from './copy-block.js';
import { copyBlockByRows } from './copy-rows.wasm.js';

/**
 * Takes the part of x from `start` up to, not including, `end`: `slice(x, [2, 0], [5, -1])` is NumPy's `x[2:5, 0:-1]`.
 *
 * Both have one position per axis, outermost first. Negative positions count from the end of the axis. Axes without a
 * `start` begin at 0; axes without an `end`, or with undefined in its place, run to their end.
 *
 * @throws ShapeError for positions outside x, or an end before its start (NumPy clips these silently).
 *
 * @example
 * ```ts
 * import { slice, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([[1, 2, 3], [4, 5, 6], [7, 8, 9]]);
 * console.log(`${slice(x, [1], [undefined, -1])}`); // x[1:, :-1]
 * // → Tensor<f32> [2, 2]
 * // → [[4.0000, 5.0000],
 * // →  [7.0000, 8.0000]]
 * ```
 */
export function slice<D extends DType>(
  x: Tensor<D>,
  start: readonly number[],
  end: readonly (number | undefined)[] = [],
): Tensor<D> {
  checkTensor('slice', x);
  return apply(sliceOp, [x], sliceAttributes(x.shape, start, end))[0] as Tensor<D>;
}

interface SliceAttributes {
  /** The first position along each axis. */
  readonly first: readonly number[];
  /** The size of each axis of the result. */
  readonly sizes: Shape;
}

function sliceAttributes(
  shape: Shape,
  start: readonly number[],
  end: readonly (number | undefined)[],
): SliceAttributes {
  checkList('slice', start);
  checkList('slice', end);
  // Anything but a whole number becomes NaN, which lies nowhere: JavaScript would subtract '2' as if it were 2.
  const fromFront = (position: number, size: number): number =>
    Number.isInteger(position) ? (position < 0 ? position + size : position) : Number.NaN;
  const first = shape.map((size, axis) => fromFront(start[axis] ?? 0, size));
  const sizes = shape.map((size, axis) => fromFront(end[axis] ?? size, size) - first[axis]);
  const fits = shape.every((size, axis) => first[axis] >= 0 && sizes[axis] >= 0 && first[axis] + sizes[axis] <= size);
  if (!fits || start.length > shape.length || end.length > shape.length) {
    throw new ShapeError(
      'slice',
      `the part from ${formatShape(start)} to [${end.map((position) => String(position ?? '')).join(', ')}] is not inside x`,
      [{ name: 'x', shape }],
      'Along each axis, 0 ≤ start ≤ end ≤ size; negative positions count from the end.',
    );
  }
  return { first, sizes };
}

const sliceOp = defineOp<[Tensor<DType>], [Tensor<DType>], SliceAttributes>({
  name: 'slice',
  accepts: [dtypes],
  outputs: ([{ dtype }], { sizes }) => [{ dtype, shape: sizes }],
  reference: ([x], [y], { first }) => cut(x, y, first, copyBlock),
  fast: ([x], [y], { first }) => cut(x, y, first, copyBlockByRows),
  webgpu: ([x], [y], { first }) => cut(x, y, first, gpuKernels().copyBlockOnGpu),
  gradient(dy, { attributes: { first, sizes }, inputShapes: [shape] }) {
    const pads = shape.map((size, axis) => [first[axis], size - first[axis] - sizes[axis]] as const);
    return [() => constantPad(dy, pads, 0)];
  },
});

function cut(x: Tensor<DType>, y: Tensor<DType>, first: readonly number[], copy: CopyBlock): void {
  const strides = stridesOf(x.shape);
  copy(y.shape, { tensor: x, strides, offset: offsetOf(first, strides) }, { tensor: y, strides: stridesOf(y.shape) });
}
