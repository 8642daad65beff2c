import type { BackendName } from './backend-name.js';

let liveBytes = 0;

/** Bytes of all blocks that live, on every backend. */
export function bytesInUse(): number {
  return liveBytes;
}

/** Memory that handles (tensors and their views) share. It is freed when the last of them is disposed. */
export abstract class Block {
  abstract readonly backend: BackendName;

  /** Where it starts in the memory of the CPU backend. A block that is elsewhere throws `BackendError`. */
  abstract readonly address: number;

  #references = 1;
  #version = 0;

  /** @param byteLength What was asked for. */
  protected constructor(readonly byteLength: number) {
    liveBytes += byteLength;
  }

  /** How often its elements were overwritten: what a gradient rule reads must be what it was. */
  get version(): number {
    return this.#version;
  }

  /** To be called by whoever writes into tensors that are in use. */
  overwritten(): void {
    this.#version++;
  }

  /** One more reference. Returns the block. */
  retain(): this {
    this.#references++;
    return this;
  }

  /** One reference less; the last one frees the memory. */
  release(): void {
    if (--this.#references > 0) return;
    liveBytes -= this.byteLength;
    this.free();
  }

  protected abstract free(): void;
}
