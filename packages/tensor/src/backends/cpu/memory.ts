import type { MemoryType } from '../../wasm/assembler.js';

/**
 * The one memory of the CPU backend: a WebAssembly memory, shared with the kernel threads. Every tensor lives in it, so kernels
 * take addresses, and TypeScript sees the same bytes as typed arrays.
 *
 * It is of the shared kind even where no thread may have it: one that is not would empty all typed arrays over it whenever it
 * grows. Browsers hide `SharedArrayBuffer` from pages that are not isolated, but make such memories for all (MDN,
 * “SharedArrayBuffer”, “API availability”).
 *
 * Pages are reserved here, not used: the operating system gives them when they are first written.
 */
export const memoryType: MemoryType = { shared: true, maximumPages: 65536 };

/** 64 KiB, the unit in which memories grow. */
export const pageBytes = 65536;

export const memory = new WebAssembly.Memory({
  initial: 16,
  maximum: memoryType.maximumPages,
  shared: memoryType.shared,
});

let buffer = memory.buffer;

/** The bytes of the memory. When it grows there is a longer buffer of the same bytes; earlier ones stay valid. */
export function memoryBuffer(): ArrayBuffer | SharedArrayBuffer {
  return buffer;
}

export function bytesAt(address: number, length: number): Uint8Array {
  return new Uint8Array(buffer, address, length);
}

export function floatsAt(address: number, length: number): Float32Array {
  return new Float32Array(buffer, address, length);
}

export function doublesAt(address: number, length: number): Float64Array {
  return new Float64Array(buffer, address, length);
}

export function wordsAt(address: number, length: number): Int32Array {
  return new Int32Array(buffer, address, length);
}

/** Grows the memory by at least so many bytes. @throws RangeError if it cannot. */
export function growMemory(byteLength: number): void {
  memory.grow(Math.ceil(byteLength / pageBytes));
  buffer = memory.buffer;
}

/** Whether other threads may have the memory. A web page must be cross-origin isolated for that; in Node they always may. */
export const threadsMayShare =
  typeof SharedArrayBuffer !== 'undefined' &&
  ((globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated ?? true);
