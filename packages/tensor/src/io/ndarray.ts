import * as commonJs from 'ndarray';
import { checkList, checkRecord, checkTensor } from '../check.js';
import { checkShape } from '../check-shape.js';
import { type DTypeOf, fromHost } from '../create.js';
import { type DType, dtypeOf, type TypedArray } from '../dtype.js';
import { DTypeError } from '../errors.js';
import { sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';
import { copyStrided } from './strided.js';

/**
 * A strided view of an array, as created by the package `ndarray` and returned by image decoders such as `get-pixels`.
 * Element (i, j, …) is `data[offset + i·stride[0] + j·stride[1] + …]`.
 */
export interface NdArray<Data extends ArrayLike<number> = ArrayLike<number>> {
  /** The elements, and possibly others that the view does not show. */
  data: Data;
  /** The sizes of the axes. */
  shape: number[];
  /** For each axis, the distance in `data` between neighbors along it. */
  stride: number[];
  /** The position of the first element in `data`. */
  offset: number;
  /** The package's name of the element type, such as `float32`. */
  readonly dtype: string;
  /** The number of elements of the view. */
  readonly size: number;
  /** The number of axes. */
  readonly dimension: number;
  /** The axes in the order of their strides, the smallest first. */
  readonly order: number[];
  /** The element at these indices. */
  get(...index: number[]): number;
  /** Sets the element at these indices to the last argument, and returns it. */
  set(...indexAndValue: number[]): number;
  /** The position in `data` of the element at these indices. */
  index(...index: number[]): number;
  /** The view that starts at these indices. Null leaves an axis unchanged, here and below. */
  lo(...start: (number | null)[]): NdArray<Data>;
  /** The view of this size. */
  hi(...size: (number | null)[]): NdArray<Data>;
  /** The view of every `step`-th element; negative steps reverse an axis. */
  step(...step: (number | null)[]): NdArray<Data>;
  /** The view with the axes in another order. */
  transpose(...axes: number[]): NdArray<Data>;
  /** The view at fixed indices, without their axes. */
  pick(...index: (number | null)[]): NdArray<Data>;
}

// Not a default import, because a bundler without CommonJS support would report a missing export even where toNdarray
// is never called.
const { default: ndarray } = commonJs;

/**
 * Returns an ndarray view of a tensor on the CPU, for strided access. It shares the tensor's memory, and is valid until
 * the tensor is disposed.
 *
 * @throws BackendError if the tensor is on a GPU.
 *
 * @example
 * ```ts
 * import { toNdarray, zeros } from '@mobinet/tensor';
 *
 * const { shape, stride } = toNdarray(zeros([2, 3]));
 * console.log(`shape ${shape}, strides ${stride}`);
 * // → shape 2,3, strides 3,1
 * ```
 */
export function toNdarray<D extends DType>(tensor: Tensor<D>): NdArray<TypedArray<D>> {
  checkTensor('toNdarray', tensor, 'tensor');
  return ndarray(tensor.values, [...tensor.shape]);
}

/** The dtype of a tensor created from an ndarray over `Data`: the corresponding one if it exists, otherwise f32. */
export type NdArrayDType<Data> = [DTypeOf<Data>] extends [never] ? 'f32' : DTypeOf<Data>;

/**
 * Copies an ndarray into a tensor of the same shape. Element types without a corresponding dtype become f32.
 *
 * @returns A tensor on the current backend.
 * @throws DTypeError if the elements are not numbers.
 * @throws RangeError if the view exceeds its data.
 *
 * @example
 * ```ts
 * import { fromNdarray, tensor, toNdarray } from '@mobinet/tensor';
 *
 * const columns = toNdarray(tensor([[1, 2, 3], [4, 5, 6]])).transpose(1, 0); // a strided view
 * console.log(`${fromNdarray(columns)}`);
 * // → Tensor<f32> [3, 2]
 * // → [[1.0000, 4.0000],
 * // →  [2.0000, 5.0000],
 * // →  [3.0000, 6.0000]]
 * ```
 */
export function fromNdarray<Data extends ArrayLike<number>>(array: NdArray<Data>): Tensor<NdArrayDType<Data>>;
export function fromNdarray(array: NdArray): Tensor<DType> {
  checkRecord('fromNdarray: the array', array);
  const { data, stride, offset } = array;
  checkList('fromNdarray: stride', stride);
  const shape = checkShape('fromNdarray', array.shape);
  checkReach(array);
  if (['bigint64', 'biguint64', 'generic'].includes(array.dtype)) {
    throw new DTypeError(`fromNdarray: elements of type ${array.dtype} are not numbers`);
  }
  const dtype = ArrayBuffer.isView(data) ? dtypeOf(data) : undefined;
  return fromHost(dtype ?? 'f32', shape, (values) => copyStrided(data, offset, stride, shape, values));
}

/** Checks that the view's first and last elements in memory exist. */
function checkReach({ data, shape, stride, offset }: NdArray): void {
  if (sizeOf(shape) === 0) return;
  const steps = shape.map((size, axis) => (size - 1) * stride[axis]);
  const first = steps.reduce((at, step) => at + Math.min(0, step), offset);
  const last = steps.reduce((at, step) => at + Math.max(0, step), offset);
  if (!(first >= 0 && last < data.length)) {
    throw new RangeError(
      `fromNdarray: the view needs elements ${first} to ${last}, but its data has only ${data.length}`,
    );
  }
}
