import { isNode } from '../../environment.js';
import { OutOfMemoryError } from '../../errors.js';
import type { MemoryType } from '../../wasm/assembler.js';

/**
 * The one memory of the CPU backend: a WebAssembly memory, shared with the kernel threads. Every tensor lives in it, so
 * kernels take addresses, and TypeScript sees the same bytes as typed arrays. It is created when it is first needed: a
 * program that only prints its help, or computes only on a GPU, needs none.
 *
 * The memory is a shared one even where no thread may access it, because an unshared memory detaches all typed arrays
 * over it whenever it grows. Browsers hide `SharedArrayBuffer` from pages that are not cross-origin isolated, but let
 * every page create such memories (MDN, “SharedArrayBuffer”, “API availability”).
 */
let memory: SharedMemory | null = null;
let buffer: ArrayBuffer | SharedArrayBuffer | null = null;

let limit = 0;

/** The used part of `WebAssembly.Memory`, a class that TypeScript declares only together with the DOM. */
export interface SharedMemory {
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  /** Adds pages of 64 KiB. @throws RangeError if the memory cannot grow. */
  grow(pages: number): number;
}

/** The type that kernels import: the largest memory. Smaller ones match it (core specification, “Import matching”). */
export const memoryType: MemoryType = { shared: true, maximumPages: 65536 };

/** The unit in which memories grow: 64 KiB. */
export const pageBytes = 65536;

/** The maximum sizes to try in turn, in GiB. Phones refuse the large ones. */
const sizes = [4, 2, 1, 0.5];

const bytesPerGiB = 2 ** 30;

const initialPages = 16;

type MemoryClass = new (descriptor: { initial: number; maximum: number; shared: boolean }) => SharedMemory;

/**
 * Creates a memory with the largest maximum size that is available. Pages are only reserved: the operating system
 * provides them when they are first written.
 *
 * @param Memory The class to instantiate. Tests pass one that simulates a device.
 * @throws OutOfMemoryError if no size is available.
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
      // If V8 cannot reserve the maximum, it returns a memory that cannot grow. A smaller maximum then gets further.
      memory.grow(initialPages - 1);
      return { memory, limit: size * bytesPerGiB };
    } catch (error) {
      reason = (error as Error).message;
    }
  }
  throw new OutOfMemoryError(`cannot reserve memory for tensors, not even ${sizes.at(-1)} GiB: ${reason}.${remedy()}`);
}

/** Unless this flag is set, Node reserves 10 GiB of addresses for each memory, instead of checking every access. */
function remedy(): string {
  const flag = '--disable-wasm-trap-handler';
  const isKnown = isNode && process.allowedNodeEnvironmentFlags.has(flag);
  return isKnown ? ` If a limit such as ulimit -v is the cause, raise it, or set NODE_OPTIONS=${flag}.` : '';
}

/** The memory itself, to be passed to kernels and threads. @throws OutOfMemoryError if it cannot be created. */
export function openMemory(): SharedMemory {
  if (memory === null) {
    ({ memory, limit } = largestMemory());
    buffer = memory.buffer;
  }
  return memory;
}

/** The bytes of the memory. Growing it creates a longer buffer over the same bytes; earlier buffers stay valid. */
export function memoryBuffer(): ArrayBuffer | SharedArrayBuffer {
  return buffer ?? openMemory().buffer;
}

/** The maximum size of the memory in bytes; 0 if it cannot be created. */
export function memoryLimit(): number {
  try {
    openMemory();
  } catch {
    return 0;
  }
  return limit;
}

/**
 * A view of the CPU memory as bytes, from a byte address on. It stays valid when the memory grows.
 *
 * @example
 * ```ts
 * import { tensor } from '@mobinet/tensor';
 * import { addressOf, bytesAt } from '@mobinet/tensor/kernels';
 *
 * const x = tensor([1, 2, 255], { dtype: 'u8' });
 * console.log(`${bytesAt(addressOf(x), 3)}`);
 * // → 1,2,255
 * ```
 */
export function bytesAt(address: number, length: number): Uint8Array {
  return new Uint8Array(memoryBuffer(), address, length);
}

/**
 * A view of the CPU memory as `length` f32, from a byte address on.
 *
 * @example
 * ```ts
 * import { tensor } from '@mobinet/tensor';
 * import { addressOf, floatsAt } from '@mobinet/tensor/kernels';
 *
 * const x = tensor([1.5, 2.5]);
 * floatsAt(addressOf(x), 2)[0] = 9;
 * console.log(`${x.values}`); // the same memory
 * // → 9,2.5
 * ```
 */
export function floatsAt(address: number, length: number): Float32Array {
  return new Float32Array(memoryBuffer(), address, length);
}

/** A view of the CPU memory as `length` f64, from a byte address on. */
export function doublesAt(address: number, length: number): Float64Array {
  return new Float64Array(memoryBuffer(), address, length);
}

/**
 * A view of the CPU memory as `length` i32, from a byte address on.
 *
 * @example
 * ```ts
 * import { packBits, tensor } from '@mobinet/tensor';
 * import { addressOf, wordsAt } from '@mobinet/tensor/kernels';
 *
 * console.log(`${wordsAt(addressOf(packBits(tensor([-1, 1, -1]))), 1)}`);
 * // → 5
 * ```
 */
export function wordsAt(address: number, length: number): Int32Array {
  return new Int32Array(memoryBuffer(), address, length);
}

/** Grows the memory by at least `byteLength` bytes. @throws RangeError if it cannot grow. */
export function growMemory(byteLength: number): void {
  const grown = openMemory();
  grown.grow(Math.ceil(byteLength / pageBytes));
  buffer = grown.buffer;
}

/** Whether other threads can access the memory: always in Node, but on the web only on cross-origin isolated pages. */
export const threadsMayShare =
  typeof SharedArrayBuffer !== 'undefined' &&
  ((globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated ?? true);
