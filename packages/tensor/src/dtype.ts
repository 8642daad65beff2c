/** Element types of a `Tensor`. (Single bits live in `BitTensor`, which is not arithmetic.) */
export type DType = 'f32' | 'i32' | 'u32' | 'i16' | 'u8';

/** The typed array that holds the elements of each dtype. */
export interface TypedArrays {
  f32: Float32Array;
  i32: Int32Array;
  u32: Uint32Array;
  i16: Int16Array;
  u8: Uint8Array;
}

export type TypedArray<D extends DType = DType> = TypedArrays[D];

const constructors = { f32: Float32Array, i32: Int32Array, u32: Uint32Array, i16: Int16Array, u8: Uint8Array } as const;

export const dtypes = Object.keys(constructors) as readonly DType[];

/** Bytes of one element. */
export function bytesPerElement(dtype: DType): number {
  return constructors[dtype].BYTES_PER_ELEMENT;
}

/** A typed array of `length` elements over existing memory. */
export function typedArrayOver<D extends DType>(
  dtype: D,
  buffer: ArrayBufferLike,
  byteOffset: number,
  length: number,
): TypedArray<D> {
  const TypedArrayOfDtype = constructors[dtype] as new (...args: [ArrayBufferLike, number, number]) => ArrayBufferView;
  return new TypedArrayOfDtype(buffer, byteOffset, length) as TypedArray<D>;
}

/** The dtype whose elements `array` holds, or undefined where no tensor can hold them. */
export function dtypeOf(array: ArrayBufferView): DType | undefined {
  return dtypes.find((dtype) => array instanceof constructors[dtype]);
}
