/// <reference types="@webgpu/types" />
import { bufferUsage } from './buffer-pool.js';
import type { KernelTime } from './kernel-time.js';

/** Bytes of a time: nanoseconds in a u64. */
const bytesOfTime = 8;

/** Times kernels by the clock of the GPU. Each is a pass of its own then, so that they do not overlap: all takes a little longer. */
export class KernelTimes {
  readonly #device: GPUDevice;
  readonly #totals = new Map<string, { runs: number; milliseconds: number }>();
  readonly #pending: Promise<void>[] = [];

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** For the kernels of one submission. */
  start(count: number): BatchTimes {
    return new BatchTimes(this.#device, count, (kernels, landing) => {
      this.#pending.push(this.#read(kernels, landing));
    });
  }

  async #read(kernels: readonly string[], landing: GPUBuffer): Promise<void> {
    await landing.mapAsync(1);
    const times = new BigUint64Array(landing.getMappedRange());
    kernels.forEach((kernel, k) => {
      const total = this.#totals.get(kernel) ?? { runs: 0, milliseconds: 0 };
      total.runs++;
      total.milliseconds += Number(times[2 * k + 1] - times[2 * k]) / 1e6;
      this.#totals.set(kernel, total);
    });
    landing.destroy();
  }

  /** The most expensive first, once the GPU has done all that was sent. */
  async report(): Promise<KernelTime[]> {
    await Promise.all(this.#pending);
    return Array.from(this.#totals, ([kernel, total]) => ({ kernel, ...total })).sort(
      (a, b) => b.milliseconds - a.milliseconds,
    );
  }
}

/** The clock's readings before and after each kernel of one submission. */
class BatchTimes {
  readonly #device: GPUDevice;
  readonly #done: (kernels: readonly string[], landing: GPUBuffer) => void;
  readonly #queries: GPUQuerySet;
  readonly #kernels: string[] = [];

  constructor(device: GPUDevice, count: number, done: (kernels: readonly string[], landing: GPUBuffer) => void) {
    this.#device = device;
    this.#done = done;
    this.#queries = device.createQuerySet({ type: 'timestamp', count: 2 * count });
  }

  /** What the pass of the next kernel is to write. */
  next(kernel: string): GPUComputePassTimestampWrites {
    const at = 2 * this.#kernels.push(kernel) - 2;
    return { querySet: this.#queries, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 };
  }

  /** Ends the submission. @returns What to call when it is sent. */
  finish(encoder: GPUCommandEncoder): () => void {
    const size = 2 * bytesOfTime * this.#kernels.length;
    if (size === 0) return () => this.#queries.destroy();
    const resolved = this.#device.createBuffer({ size, usage: bufferUsage.queryResolve | bufferUsage.copySource });
    const landing = this.#device.createBuffer({ size, usage: bufferUsage.mapRead | bufferUsage.copyTarget });
    encoder.resolveQuerySet(this.#queries, 0, 2 * this.#kernels.length, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, landing, 0, size);
    return () => {
      this.#done(this.#kernels, landing);
      resolved.destroy();
      this.#queries.destroy();
    };
  }
}
