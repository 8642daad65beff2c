import ndarray from 'ndarray';
import { borrow } from '../backends/cpu/heap.js';
import type { DTypeOf } from '../create.js';
import { bytesPerElement, type DType, dtypeOf, type TypedArray, typedArrayOver } from '../dtype.js';
import { DTypeError } from '../errors.js';
import { checkShape, sizeOf, stridesOf } from '../shape.js';
import { emptyTensor, Tensor } from '../tensor.js';
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

/** The tensor as an ndarray over the same memory: strided host-side access. Valid until the tensor is disposed. */
export function toNdarray<D extends DType>(tensor: Tensor<D>): NdArray<TypedArray<D>> {
  return ndarray(tensor.values, [...tensor.shape]);
}

/** The dtype of a tensor made from an ndarray over this data: its own, where tensors have it, else f32. */
export type NdArrayDType<Data> = [DTypeOf<Data>] extends [never] ? 'f32' : DTypeOf<Data>;

/**
 * The elements of an ndarray as a tensor of its shape.
 *
 * Memory is shared, in both directions, if the elements are of a tensor's dtype and lie contiguous and row-major (and
 * start at a multiple of 4 bytes, as kernels may read whole words): what is written to one is seen in the other, and
 * `memory()` counts none of it. Everything else is copied: slices, transposes, and other element types, which become f32.
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
  if (dtype !== undefined && isRowMajor(array)) {
    const { buffer, byteOffset } = data as TypedArray;
    const memory = typedArrayOver(dtype, buffer, byteOffset + offset * bytesPerElement(dtype), sizeOf(shape));
    if (memory.byteOffset % wordBytes === 0) return new Tensor(dtype, shape, borrow(memory));
  }
  const result = emptyTensor(dtype ?? 'f32', shape);
  copyStrided(data, offset, stride, shape, result.values);
  return result;
}

const wordBytes = 4;

/** Neighbours are where a tensor has them. The stride of an axis of size 1 is never used, and may be anything. */
function isRowMajor({ shape, stride }: NdArray): boolean {
  const expected = stridesOf(shape);
  return shape.every((size, axis) => size === 1 || stride[axis] === expected[axis]);
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
