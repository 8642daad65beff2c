import { checkTensor } from '../../check.js';
import { broadcastShapes, checkShape } from '../../check-shape.js';
import { type DType, dtypes, type TypedArray } from '../../dtype.js';
import { ShapeError } from '../../errors.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import { formatShape, type Shape, sameShape, sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { forEachRun } from '../elementwise/broadcast.js';
import { broadcastTo } from '../shape/broadcast-to.js';
import { reshape } from '../shape/reshape.js';
import { type ReduceOptions, type Reduction, reductionOf } from './reduction.js';
import { sumByKernel } from './sum.wasm.js';

/** The dtype of a sum: that of the input, but i32 for narrow integers, which would soon overflow. */
export type SumDType<D extends DType> = D extends 'u8' | 'i16' ? 'i32' : D;

/** The same for a dtype that is known at run time only. */
export const sumDTypeOf = (dtype: DType): DType => (dtype === 'u8' || dtype === 'i16' ? 'i32' : dtype);

/**
 * Sums over `axes`, in double precision. Sums of u8 and i16 are i32, since they would soon overflow.
 *
 * @param x Of any shape.
 * @returns The shape of x without the reduced axes, or with size 1 there (`keepDims`).
 * @throws ShapeError if an axis is out of range or named twice.
 *
 * @example
 * ```ts
 * import { sum, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([[1, 2, 3], [4, 5, 6]]);
 * console.log(`${sum(x).values}; of the columns ${sum(x, { axes: 0 }).values}`);
 * // → 21; of the columns 5,7,9
 * console.log(`[${sum(x, { axes: 1, keepDims: true }).shape}]`); // broadcasts against x
 * // → [2,1]
 * ```
 */
export function sum<D extends DType>(x: Tensor<D>, options: ReduceOptions = {}): Tensor<SumDType<D>> {
  checkTensor('sum', x);
  return apply(sumOp, [x], reductionOf('sum', x.shape, options))[0] as Tensor<DType> as Tensor<SumDType<D>>;
}

/**
 * Sums over the axes along which `shape` would be repeated to give the shape of x. This is the transpose of
 * broadcasting, so many gradient rules end with it. If the shapes are equal, the result is a view of x.
 *
 * @returns f32 of shape `shape`.
 * @throws ShapeError if `shape` is not a shape, or does not broadcast to x.shape.
 *
 * @example
 * ```ts
 * import { ones, sumTo } from '@mobinet/tensor';
 *
 * const dy = ones([4, 3]); // the gradient of y = x + bias, x [4, 3], bias [3]
 * console.log(`${sumTo(dy, [3]).values}`); // each bias was added four times
 * // → 4,4,4
 * ```
 */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  checkTensor('sumTo', x, 'x', dtypes);
  checkShape('sumTo', shape);
  // Another handle, which the caller may free without freeing x.
  if (sameShape(x.shape, shape)) return reshape(x, shape);
  if (!sameShape(broadcastShapes('sumTo', x.shape, shape), x.shape)) {
    throw new ShapeError('sumTo', `shape ${formatShape(shape)} does not broadcast to ${formatShape(x.shape)}`);
  }
  const kept = [...new Array<number>(x.rank - shape.length).fill(1), ...shape];
  const axes = kept.flatMap((size, axis) => (size === x.shape[axis] ? [] : axis));
  return apply(sumOp, [x], { axes, kept, shape, count: x.size / sizeOf(shape) })[0] as Tensor;
}

const sumOp = defineOp<[Tensor<DType>], [Tensor<DType>], Reduction>({
  name: 'sum',
  accepts: [dtypes],
  outputs: ([x], { shape }) => [{ dtype: sumDTypeOf(x.dtype), shape }],
  reference: ([x], [y], { kept }) => y.values.set(sumsOf(x.values, x.shape, kept)),
  fast([x], [y], reduction) {
    if (!sumByKernel(x as Tensor, reduction.kept, y as Tensor)) sumOp.reference([x], [y], reduction);
  },
  webgpu: ([x], [y], { kept }) => gpuKernels().sumOnGpu(x, kept, y),
  gradient: (dy, { inputShapes: [x], attributes: { kept } }) => [() => broadcastTo(reshape(dy, kept), x)],
});

/**
 * Sums x into the elements of `kept`, its shape with 1 on the reduced axes. A reduction is a broadcast in reverse:
 * where the result would be repeated (step 0), its element accumulates.
 */
export function sumsOf(x: TypedArray, shape: Shape, kept: Shape): Float64Array {
  const sums = new Float64Array(sizeOf(kept));
  forEachRun(shape, [kept], (at, end, [to], [step]) => {
    for (; at < end; at++, to += step) sums[to] += x[at];
  });
  return sums;
}
