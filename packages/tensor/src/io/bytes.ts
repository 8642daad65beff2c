import type { DType } from '../dtype.js';
import type { Tensor } from '../tensor.js';
import type { UnsharedBytes } from '../unshared-bytes.js';

/** A view of a tensor's memory as bytes. It is little-endian, as on all engines that run WebAssembly. */
export function bytesOf(tensor: Tensor<DType>): Uint8Array {
  const { buffer, byteOffset, byteLength } = tensor.values;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Copies part of `bytes` to new memory: aligned for every dtype, and not shared, as `TextDecoder` requires. */
export function copyOfBytes(bytes: Uint8Array, start: number, end: number): UnsharedBytes {
  return new Uint8Array(bytes.subarray(start, end));
}
