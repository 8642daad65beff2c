import type { DType } from '../dtype.js';
import type { Tensor } from '../tensor.js';
import type { UnsharedBytes } from '../unshared-bytes.js';

/** A tensor's memory as bytes, in place: little-endian, as all engines that run WebAssembly have it. */
export function bytesOf(tensor: Tensor<DType>): Uint8Array {
  const { buffer, byteOffset, byteLength } = tensor.values;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Part of `bytes` in memory of its own: aligned for every dtype, and never shared, which `TextDecoder` refuses. */
export function copyOfBytes(bytes: Uint8Array, start: number, end: number): UnsharedBytes {
  return new Uint8Array(bytes.subarray(start, end));
}
