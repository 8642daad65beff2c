import type { BackendName } from './backend-name.js';

let liveBytes = 0;

/** The total size of all live blocks, on all backends. */
export function bytesInUse(): number {
  return liveBytes;
}

/** Reference-counted memory, shared by handles (tensors and their views). It is freed with the last handle. */
export abstract class Block {
  abstract readonly backend: BackendName;

  /** The byte address in the memory of the CPU backend. @throws BackendError if it is on a GPU. */
  abstract readonly address: number;

  readonly #ownBytes: number;
  #references = 1;
  #version = 0;

  /**
   * @param byteLength The requested size; allocators may round it up.
   * @param options.ownsMemory Whether the memory is allocated for this block, so that it counts as in use. Default true.
   */
  protected constructor(
    readonly byteLength: number,
    { ownsMemory = true } = {},
  ) {
    this.#ownBytes = ownsMemory ? byteLength : 0;
    liveBytes += this.#ownBytes;
  }

  /** How often the elements were overwritten. Gradient rules check that the tensors they saved have not changed. */
  get version(): number {
    return this.#version;
  }

  /** Must be called whenever existing elements are overwritten. */
  overwritten(): void {
    this.#version++;
  }

  /** Adds a reference. Returns the block. */
  retain(): this {
    this.#references++;
    return this;
  }

  /** Drops a reference. Dropping the last one frees the memory. */
  release(): void {
    if (--this.#references > 0) return;
    liveBytes -= this.#ownBytes;
    this.free();
  }

  protected abstract free(): void;
}
