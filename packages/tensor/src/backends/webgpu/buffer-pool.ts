/// <reference types="@webgpu/types" />
import { OutOfMemoryError } from '../../errors.js';

/** The bits of `GPUBufferUsage`, which Node does not know by name. */
export const bufferUsage = {
  mapRead: 1,
  copySource: 4,
  copyTarget: 8,
  uniform: 64,
  storage: 128,
  queryResolve: 512,
} as const;

/**
 * Buffers of a GPU for tensors. Those that are given back wait for the next tensor of about their size: a training step asks for the
 * same sizes again and again. A buffer may be taken while commands that use it still wait or run, as commands run in their order.
 *
 * Among waiting buffers, the oldest is taken, so that each step has the buffers of the one before, tensor by tensor, in whatever order they were
 * given back: what kernels were bound to once can be used again (`Pipeline.bindGroup`).
 */
export class BufferPool {
  readonly #device: GPUDevice;
  /** Bytes of a buffer, at most. The device is asked once: that takes longer than the rest of `take`. */
  readonly #limits: readonly (readonly [name: string, most: number])[];
  readonly #beforeCreation: () => void;
  readonly #onFault: (error: Error) => void;
  /** By size; the oldest last. */
  readonly #free = new Map<number, GPUBuffer[]>();
  /** The size of each, and when it was made. */
  readonly #facts = new WeakMap<GPUBuffer, { readonly size: number; readonly age: number }>();
  #count = 0;

  /** @param on.creation Before a buffer is made, which may fail: to send what does not need it. */
  constructor(device: GPUDevice, on: { readonly creation: () => void; readonly fault: (error: Error) => void }) {
    this.#device = device;
    const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
    this.#limits = Object.entries({ maxStorageBufferBindingSize, maxBufferSize });
    this.#beforeCreation = on.creation;
    this.#onFault = on.fault;
  }

  /** How many buffers there are, those that wait included. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of the largest buffer that can be. */
  get limit(): number {
    return Math.min(...this.#limits.map(([, most]) => most));
  }

  /** @throws OutOfMemoryError for more bytes than a kernel of this GPU can see at once. */
  take(byteLength: number, purpose: string): GPUBuffer {
    let size = capacityFor(byteLength);
    for (const [limit, most] of this.#limits) {
      if (byteLength > most) {
        const lack = `${purpose} asked for ${byteLength} bytes, but a buffer of this GPU holds at most ${most} (${limit})`;
        throw new OutOfMemoryError(`out of memory: ${lack}. Use a smaller batch or image.`, { lack });
      }
      size = Math.min(size, most);
    }
    return this.#free.get(size)?.pop() ?? this.#create(size, purpose);
  }

  give(buffer: GPUBuffer): void {
    const { size, age } = this.#facts.get(buffer)!;
    let list = this.#free.get(size);
    if (!list) {
      list = [];
      this.#free.set(size, list);
    }
    const younger = list.findLastIndex((other) => this.#facts.get(other)!.age > age);
    list.splice(younger + 1, 0, buffer);
  }

  #create(size: number, purpose: string): GPUBuffer {
    this.#beforeCreation();
    this.#device.pushErrorScope('out-of-memory');
    const usage = bufferUsage.storage | bufferUsage.copySource | bufferUsage.copyTarget;
    const buffer = this.#device.createBuffer({ size, usage, label: purpose });
    this.#facts.set(buffer, { size, age: this.#count++ });
    const count = this.#count;
    void this.#device.popErrorScope().then((error) => {
      if (!error) return;
      const lack = `the GPU has no ${size} bytes left for ${purpose}, beside ${count - 1} buffers`;
      const remedy = 'Use a smaller batch or image, or free tensors with tidy() or dispose()';
      this.#onFault(new OutOfMemoryError(`out of memory: ${lack}. ${remedy}.`, { lack }));
    });
    return buffer;
  }
}

const smallest = 256;

/** Four steps an octave, so that at most a fifth of a buffer is unused. */
function capacityFor(byteLength: number): number {
  if (byteLength <= smallest) return smallest;
  const step = Math.max(smallest, 2 ** (Math.floor(Math.log2(byteLength - 1)) - 2));
  return Math.ceil(byteLength / step) * step;
}
