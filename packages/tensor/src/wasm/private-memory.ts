import type { UnsharedBytes } from '../unshared-bytes.js';
import type { MemoryType } from './module.js';

/** 64 KiB, the unit in which memories grow. */
const pageBytes = 65536;

/** Memories of this type are seen by one thread only, and are none of the tensors'. To be given to `assemble`. */
export const privateMemory: MemoryType = { shared: false, maximumPages: 8192 };

/** A memory for functions that have nothing to do with tensors, of at most 512 MiB. It never shrinks: let go of it to be rid of it. */
export class PrivateMemory {
  readonly #memory: WebAssembly.Memory;

  /** @throws RangeError if there is no room for it. */
  constructor() {
    this.#memory = new WebAssembly.Memory({ initial: 1, maximum: privateMemory.maximumPages, shared: false });
  }

  get byteLength(): number {
    return this.#memory.buffer.byteLength;
  }

  /** Makes it as large as this at least. What was in it stays, its views do not. @throws RangeError if it cannot grow so far. */
  reserve(byteLength: number): void {
    const missing = Math.ceil((byteLength - this.byteLength) / pageBytes);
    if (missing > 0) this.#memory.grow(missing);
  }

  bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, address, length);
  }

  words(address: number, length: number): Int32Array {
    return new Int32Array(this.#memory.buffer, address, length);
  }

  /** A function that `assemble` wrote for such a memory, ready to work on this one. */
  load(module: UnsharedBytes): (...parameters: number[]) => void {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module), { env: { memory: this.#memory } });
    return exports.run as (...parameters: number[]) => void;
  }
}
