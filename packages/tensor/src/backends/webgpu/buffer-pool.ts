/// <reference types="@webgpu/types" />
import { OutOfMemoryError } from '../../errors.js';

/** The bits of `GPUBufferUsage`, a global that Node does not have. */
export const bufferUsage = {
  mapRead: 1,
  copySource: 4,
  copyTarget: 8,
  uniform: 64,
  storage: 128,
  queryResolve: 512,
} as const;

/** A buffer of a pool. */
export interface PooledBuffer {
  readonly buffer: GPUBuffer;
  readonly size: number;
  /** Its position in the order of creation, which identifies it on its GPU. */
  readonly number: number;
}

/**
 * The GPU buffers of tensors. A released buffer is kept for the next tensor of a similar size, because training steps
 * request the same sizes over and over. It may be reused while earlier commands on it are still pending, since commands
 * run in order.
 *
 * The oldest of several free buffers is reused. Each training step then gets the same buffer for the same tensor, in
 * whatever order they were released, and cached bind groups apply again (`Pipeline.bindGroup`).
 */
export class BufferPool {
  readonly #device: GPUDevice;
  /** Limits on the size of a buffer. Cached, because querying the device takes longer than the rest of `take`. */
  readonly #limits: readonly (readonly [name: string, max: number])[];
  readonly #beforeCreation: () => void;
  readonly #onFault: (error: Error) => void;
  /** Free buffers by size, the oldest last. */
  readonly #free = new Map<number, PooledBuffer[]>();
  #count = 0;

  /**
   * @param on.creation Called before a buffer is created, which may fail: submits the commands that do not need it.
   * @param on.fault Called if a buffer could not be created.
   */
  constructor(device: GPUDevice, on: { readonly creation: () => void; readonly fault: (error: Error) => void }) {
    this.#device = device;
    const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
    this.#limits = Object.entries({ maxStorageBufferBindingSize, maxBufferSize });
    this.#beforeCreation = on.creation;
    this.#onFault = on.fault;
  }

  /** The number of buffers, including free ones. */
  get count(): number {
    return this.#count;
  }

  /** The size of the largest possible buffer, in bytes. */
  get limit(): number {
    return Math.min(...this.#limits.map(([, max]) => max));
  }

  /**
   * Returns a buffer of at least `byteLength` bytes.
   *
   * @param purpose What the memory is for, for out-of-memory errors.
   * @throws OutOfMemoryError if the size exceeds a limit of the GPU.
   */
  take(byteLength: number, purpose: string): PooledBuffer {
    let size = capacityFor(byteLength);
    for (const [limit, max] of this.#limits) {
      if (byteLength > max) {
        const lack = `${purpose} requested ${byteLength} bytes, but a buffer of this GPU holds at most ${max} (${limit})`;
        throw new OutOfMemoryError(`out of memory: ${lack}. Use a smaller batch or image.`, { lack });
      }
      size = Math.min(size, max);
    }
    return this.#free.get(size)?.pop() ?? this.#create(size, purpose);
  }

  /** Releases a buffer for reuse. */
  release(buffer: PooledBuffer): void {
    const { size, number } = buffer;
    let list = this.#free.get(size);
    if (!list) {
      list = [];
      this.#free.set(size, list);
    }
    const younger = list.findLastIndex((other) => other.number > number);
    list.splice(younger + 1, 0, buffer);
  }

  #create(size: number, purpose: string): PooledBuffer {
    this.#beforeCreation();
    this.#device.pushErrorScope('out-of-memory');
    const usage = bufferUsage.storage | bufferUsage.copySource | bufferUsage.copyTarget;
    const buffer = this.#device.createBuffer({ size, usage, label: purpose });
    const number = this.#count++;
    void this.#device.popErrorScope().then((error) => {
      if (!error) return;
      const lack = `the GPU cannot allocate ${size} bytes for ${purpose} in addition to ${number} buffers`;
      const remedy = 'Use a smaller batch or image, or free tensors with tidy() or dispose()';
      this.#onFault(new OutOfMemoryError(`out of memory: ${lack}. ${remedy}.`, { lack }));
    });
    return { buffer, size, number };
  }
}

const smallest = 256;

/** Rounds up to one of four steps per octave, at least 256 bytes apart. From 1 KiB up, at most a fifth is unused. */
function capacityFor(byteLength: number): number {
  if (byteLength <= smallest) return smallest;
  const step = Math.max(smallest, 2 ** (Math.floor(Math.log2(byteLength - 1)) - 2));
  return Math.ceil(byteLength / step) * step;
}
