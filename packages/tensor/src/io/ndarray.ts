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
 * A strided view of an array: what the package `ndarray` makes, and what image decoders such as `get-pixels` return.
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
  /** The part from these indices on. Null skips an axis, here and below. */
  lo(...start: (number | null)[]): NdArray<Data>;
  /** The part of this size. */
  hi(...size: (number | null)[]): NdArray<Data>;
  step(...step: (number | null)[]): NdArray<Data>;
  transpose(...axes: number[]): NdArray<Data>;
  /** The part at fixed indices, without their axes. */
  pick(...index: (number | null)[]): NdArray<Data>;
}

// Taken apart here, and not imported by its name: where nobody calls toNdarray, a bundler that knows no CommonJS has nothing to miss.
const { default: ndarray } = commonJs;

/** The tensor as an ndarray over the same memory: strided host-side access. Valid until the tensor is disposed. */
export function toNdarray<D extends DType>(tensor: Tensor<D>): NdArray<TypedArray<D>> {
  checkTensor('toNdarray', tensor, 'tensor');
  return ndarray(tensor.values, [...tensor.shape]);
}

/** The dtype of a tensor made from an ndarray over this data: its own, where tensors have it, else f32. */
export type NdArrayDType<Data> = [DTypeOf<Data>] extends [never] ? 'f32' : DTypeOf<Data>;

/**
 * The elements of an ndarray, copied into a tensor of its shape: tensors have a memory of their own, which kernels share.
 * Element types that no tensor has become f32.
 *
 * @throws DTypeError for elements that are not numbers.
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

/** Throws unless the first and the last element in memory exist. */
function checkReach({ data, shape, stride, offset }: NdArray): void {
  if (sizeOf(shape) === 0) return;
  const steps = shape.map((size, axis) => (size - 1) * stride[axis]);
  const first = steps.reduce((at, step) => at + Math.min(0, step), offset);
  const last = steps.reduce((at, step) => at + Math.max(0, step), offset);
  if (!(first >= 0 && last < data.length)) {
    throw new RangeError(`fromNdarray: elements ${first} to ${last} of an array of ${data.length}`);
  }
}
