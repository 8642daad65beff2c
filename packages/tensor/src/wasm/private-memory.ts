import type { UnsharedBytes } from '../unshared-bytes.js';
import type { MemoryType } from './module.js';

/** The unit in which memories grow: 64 KiB. */
const pageBytes = 65536;

/**
 * The type of `PrivateMemory`, for `assemble`: it belongs to a single thread, and is separate from tensors.
 *
 * @example
 * ```ts
 * import { assemble, privateMemory } from '@mobinet/tensor/wasm';
 *
 * const bytes = assemble('nothing', [], privateMemory, () => {});
 * console.log(new TextDecoder().decode(bytes.subarray(1, 4))); // how modules begin
 * // → asm
 * ```
 */
export const privateMemory: MemoryType = { shared: false, maximumPages: 8192 };

/**
 * A memory of at most 512 MiB for functions unrelated to tensors. It never shrinks, but can be garbage collected.
 *
 * @example
 * ```ts
 * import { PrivateMemory } from '@mobinet/tensor/wasm';
 *
 * const memory = new PrivateMemory();
 * memory.reserve(100_000);
 * console.log(memory.byteLength); // two pages of 64 KiB
 * // → 131072
 * ```
 */
export class PrivateMemory {
  readonly #memory: WebAssembly.Memory;

  /** @throws RangeError if it cannot be allocated. */
  constructor() {
    this.#memory = new WebAssembly.Memory({ initial: 1, maximum: privateMemory.maximumPages, shared: false });
  }

  /** The current size in bytes. */
  get byteLength(): number {
    return this.#memory.buffer.byteLength;
  }

  /**
   * Grows the memory to at least `byteLength`. The contents are kept, but earlier views become invalid.
   *
   * @throws RangeError if it cannot grow.
   */
  reserve(byteLength: number): void {
    const missing = Math.ceil((byteLength - this.byteLength) / pageBytes);
    if (missing > 0) this.#memory.grow(missing);
  }

  /** A view of part of the memory as bytes. */
  bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, address, length);
  }

  /** A view of part of the memory as i32. */
  words(address: number, length: number): Int32Array {
    return new Int32Array(this.#memory.buffer, address, length);
  }

  /** Instantiates a module that was assembled for `privateMemory`. Returns its function. */
  load(module: UnsharedBytes): (...parameters: number[]) => void {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module), { env: { memory: this.#memory } });
    return exports.run as (...parameters: number[]) => void;
  }
}
