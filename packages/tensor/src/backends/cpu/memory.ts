import { isNode } from '../../environment.js';
import { OutOfMemoryError } from '../../errors.js';
import type { MemoryType } from '../../wasm/assembler.js';

/**
 * The one memory of the CPU backend: a WebAssembly memory, shared with the kernel threads. Every tensor lives in it, so kernels
 * take addresses, and TypeScript sees the same bytes as typed arrays. It is made when it is first needed: a program that only
 * prints its help, or computes on a GPU alone, needs none.
 *
 * It is of the shared kind even where no thread may have it: one that is not would empty all typed arrays over it whenever it
 * grows. Browsers hide `SharedArrayBuffer` from pages that are not isolated, but make such memories for all (MDN,
 * “SharedArrayBuffer”, “API availability”).
 */
let memory: SharedMemory | null = null;
let buffer: ArrayBuffer | SharedArrayBuffer | null = null;

let limit = 0;

/** What there is of a `WebAssembly.Memory`, a class that TypeScript knows only together with the DOM. */
export interface SharedMemory {
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  /** Adds pages of 64 KiB. @throws RangeError where there are none to be had. */
  grow(pages: number): number;
}

/** What kernels import: a memory of WebAssembly's largest size, or of any smaller one (core specification, “Import matching”). */
export const memoryType: MemoryType = { shared: true, maximumPages: 65536 };

/** 64 KiB, the unit in which memories grow. */
export const pageBytes = 65536;

/** The sizes that are asked for, one after the other, in GiB: telephones refuse the large ones. */
const sizes = [4, 2, 1, 0.5];

const bytesPerGiB = 2 ** 30;

const initialPages = 16;

type MemoryClass = new (descriptor: { initial: number; maximum: number; shared: boolean }) => SharedMemory;

/**
 * The largest memory that can be had. Its pages are reserved, not used: the operating system gives them when they are first
 * written.
 * @param Memory The class of such memories.
 * @throws OutOfMemoryError where there is none.
 */
export function largestMemory(Memory: MemoryClass = WebAssembly.Memory): {
  readonly memory: SharedMemory;
  readonly limit: number;
} {
  let reason = '';
  for (const size of sizes) {
    const maximum = (size * bytesPerGiB) / pageBytes;
    try {
      const memory = new Memory({ initial: 1, maximum, shared: memoryType.shared });
      // Where little can be reserved, V8 gives a memory that cannot grow: then a smaller one is the larger.
      memory.grow(initialPages - 1);
      return { memory, limit: size * bytesPerGiB };
    } catch (error) {
      reason = (error as Error).message;
    }
  }
  throw new OutOfMemoryError(`there is no memory for tensors, not even ${sizes.at(-1)} GiB: ${reason}.${remedy()}`);
}

/** Node reserves 10 GiB of addresses around each memory, in place of checking every access, unless it is told not to. */
function remedy(): string {
  const flag = '--disable-wasm-trap-handler';
  const isKnown = isNode && process.allowedNodeEnvironmentFlags.has(flag);
  return isKnown ? ` Where a limit such as ulimit -v is the cause, raise it, or set NODE_OPTIONS=${flag}.` : '';
}

/** The memory itself, for those who hand it to kernels and threads. @throws OutOfMemoryError if there is none to be had. */
export function openMemory(): SharedMemory {
  if (memory === null) {
    ({ memory, limit } = largestMemory());
    buffer = memory.buffer;
  }
  return memory;
}

/** The bytes of the memory. When it grows there is a longer buffer of the same bytes; earlier ones stay valid. */
export function memoryBuffer(): ArrayBuffer | SharedArrayBuffer {
  return buffer ?? openMemory().buffer;
}

/** How many bytes the memory may have; 0 where there is none to be had. */
export function memoryLimit(): number {
  try {
    openMemory();
  } catch {
    return 0;
  }
  return limit;
}

export function bytesAt(address: number, length: number): Uint8Array {
  return new Uint8Array(memoryBuffer(), address, length);
}

export function floatsAt(address: number, length: number): Float32Array {
  return new Float32Array(memoryBuffer(), address, length);
}

export function doublesAt(address: number, length: number): Float64Array {
  return new Float64Array(memoryBuffer(), address, length);
}

export function wordsAt(address: number, length: number): Int32Array {
  return new Int32Array(memoryBuffer(), address, length);
}

/** Grows the memory by at least so many bytes. @throws RangeError if it cannot. */
export function growMemory(byteLength: number): void {
  const grown = openMemory();
  grown.grow(Math.ceil(byteLength / pageBytes));
  buffer = grown.buffer;
}

/** Whether other threads may have the memory. A web page must be cross-origin isolated for that; in Node they always may. */
export const threadsMayShare =
  typeof SharedArrayBuffer !== 'undefined' &&
  ((globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated ?? true);
