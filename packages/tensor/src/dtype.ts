import type { UnsharedBytes } from './unshared-bytes.js';

/** The element types of a `Tensor`. Bits have a class of their own, `BitTensor`, which does not support arithmetic. */
export type DType = 'f32' | 'i32' | 'u32' | 'i16' | 'u8';

/** The typed array type for the elements of each dtype. */
export interface TypedArrays {
  /** Numbers in single precision. */
  f32: Float32Array;
  /** Signed 32-bit integers. */
  i32: Int32Array;
  /** Unsigned 32-bit integers. */
  u32: Uint32Array;
  /** Signed 16-bit integers. */
  i16: Int16Array;
  /** Bytes: unsigned 8-bit integers. */
  u8: Uint8Array;
}

/** The typed array for elements of dtype `D`; by default, for any dtype. */
export type TypedArray<D extends DType = DType> = TypedArrays[D];

const constructors = { f32: Float32Array, i32: Int32Array, u32: Uint32Array, i16: Int16Array, u8: Uint8Array } as const;

export const dtypes = Object.keys(constructors) as readonly DType[];

/**
 * The size of one element in bytes.
 *
 * @example
 * ```ts
 * import { bytesPerElement } from '@mobinet/tensor/kernels';
 *
 * console.log(`${bytesPerElement('f32')}, ${bytesPerElement('i16')}, ${bytesPerElement('u8')}`);
 * // → 4, 2, 1
 * ```
 */
export function bytesPerElement(dtype: DType): number {
  return constructors[dtype].BYTES_PER_ELEMENT;
}

/** Returns a typed array of `length` elements over existing memory. */
export function typedArrayOver<D extends DType>(
  dtype: D,
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
): TypedArray<D> {
  const TypedArrayOfDtype = constructors[dtype] as new (...args: [ArrayBufferLike, number, number]) => ArrayBufferView;
  return new TypedArrayOfDtype(buffer, byteOffset, length) as TypedArray<D>;
}

/** Returns a new typed array of `length` zeros. */
export function newTypedArray<D extends DType>(dtype: D, length: number): TypedArray<D> {
  return new constructors[dtype](length) as TypedArray<D>;
}

/** Copies elements as a GPU stores them: the bytes of the array, followed by zeros up to a whole word. */
export function wordsOfValues(values: TypedArray): UnsharedBytes {
  // Always a copy, because the elements of a tensor may be in shared memory and may change.
  const bytes = new Uint8Array(4 * Math.ceil(values.byteLength / 4));
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  return bytes;
}

/** The number of words that hold `count` elements on a GPU. */
export function wordsFor(dtype: DType, count: number): number {
  return Math.ceil((count * bytesPerElement(dtype)) / 4);
}

/** The dtype of the elements of `array`, or undefined if no dtype corresponds to it. */
export function dtypeOf(array: ArrayBufferView): DType | undefined {
  return dtypes.find((dtype) => array instanceof constructors[dtype]);
}
