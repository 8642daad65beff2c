import * as commonJs from 'ndarray';
import { checkTensor } from '../check.js';
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
  data: Data;
  shape: number[];
  stride: number[];
  offset: number;
  readonly dtype: string;
  readonly size: number;
  readonly dimension: number;
  readonly order: number[];
  get(...index: number[]): number;
  set(...indexAndValue: number[]): number;
  index(...index: number[]): number;
  /** The view that starts at these indices. Null leaves an axis unchanged, here and below. */
  lo(...start: (number | null)[]): NdArray<Data>;
  /** The view of this size. */
  hi(...size: (number | null)[]): NdArray<Data>;
  step(...step: (number | null)[]): NdArray<Data>;
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
 * @throws DTypeError if the elements are not numbers.
 * @throws RangeError if the view exceeds its data.
 */
export function fromNdarray<Data extends ArrayLike<number>>(array: NdArray<Data>): Tensor<NdArrayDType<Data>>;
export function fromNdarray(array: NdArray): Tensor<DType> {
  const { data, stride, offset } = array;
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
