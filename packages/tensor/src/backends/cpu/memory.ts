import type { MemoryType } from '../../wasm/assembler.js';

/**
 * The one memory of the CPU backend: a WebAssembly memory, shared with the kernel threads. Every tensor lives in it, so kernels
 * take addresses, and TypeScript sees the same bytes as typed arrays.
 *
 * Pages are reserved here, not used: the operating system gives them when they are first written.
 */
export const memoryType: MemoryType = { shared: canShare(), maximumPages: 65536 };

/** 64 KiB, the unit in which memories grow. */
export const pageBytes = 65536;

export const memory = new WebAssembly.Memory({
  initial: 16,
  maximum: memoryType.maximumPages,
  shared: memoryType.shared,
});

let buffer = memory.buffer;

/** The bytes of the memory. A shared buffer stays valid as the memory grows; one that is not shared is replaced. */
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

/** A web page must be cross-origin isolated to share memory between threads; in Node it always can be. */
function canShare(): boolean {
  const { crossOriginIsolated } = globalThis as { crossOriginIsolated?: boolean };
  return typeof SharedArrayBuffer !== 'undefined' && (crossOriginIsolated ?? true);
}
