/// <reference types="@webgpu/types" />
import { bufferUsage } from './buffer-pool.js';
import type { KernelTime } from './kernel-time.js';

/** The size of a timestamp in bytes: nanoseconds in a u64. */
const timestampBytes = 8;

/**
 * Measures kernels with the GPU's timestamp queries. Each kernel then runs in a pass of its own so that kernels do not
 * overlap, which makes the whole a little slower.
 */
export class KernelTimes {
  readonly #device: GPUDevice;
  readonly #totals = new Map<string, { runs: number; milliseconds: number }>();
  readonly #pending: Promise<void>[] = [];

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Starts measuring one submission with at most `count` kernels. */
  start(count: number): BatchTimes {
    return new BatchTimes(this.#device, count, (kernels, staging) => {
      this.#pending.push(this.#read(kernels, staging));
    });
  }

  async #read(kernels: readonly string[], staging: GPUBuffer): Promise<void> {
    await staging.mapAsync(1);
    const times = new BigUint64Array(staging.getMappedRange());
    kernels.forEach((kernel, k) => {
      const total = this.#totals.get(kernel) ?? { runs: 0, milliseconds: 0 };
      total.runs++;
      total.milliseconds += Number(times[2 * k + 1] - times[2 * k]) / 1e6;
      this.#totals.set(kernel, total);
    });
    staging.destroy();
  }

  /** Returns the time of each kernel, the most expensive first, after the GPU has finished all submitted work. */
  async report(): Promise<KernelTime[]> {
    await Promise.all(this.#pending);
    return Array.from(this.#totals, ([kernel, total]) => ({ kernel, ...total })).sort(
      (a, b) => b.milliseconds - a.milliseconds,
    );
  }
}

/** The timestamps before and after each kernel of one submission. */
class BatchTimes {
  readonly #device: GPUDevice;
  readonly #done: (kernels: readonly string[], staging: GPUBuffer) => void;
  readonly #queries: GPUQuerySet;
  readonly #kernels: string[] = [];

  constructor(device: GPUDevice, count: number, done: (kernels: readonly string[], staging: GPUBuffer) => void) {
    this.#device = device;
    this.#done = done;
    this.#queries = device.createQuerySet({ type: 'timestamp', count: 2 * count });
  }

  /** Returns the timestamp writes for the next kernel's pass. */
  next(kernel: string): GPUComputePassTimestampWrites {
    const at = 2 * this.#kernels.push(kernel) - 2;
    return { querySet: this.#queries, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 };
  }

  /** Encodes the readback of the timestamps. @returns A function to call after the submission. */
  finish(encoder: GPUCommandEncoder): () => void {
    const size = 2 * timestampBytes * this.#kernels.length;
    if (size === 0) return () => this.#queries.destroy();
    const resolved = this.#device.createBuffer({ size, usage: bufferUsage.queryResolve | bufferUsage.copySource });
    const staging = this.#device.createBuffer({ size, usage: bufferUsage.mapRead | bufferUsage.copyTarget });
    encoder.resolveQuerySet(this.#queries, 0, 2 * this.#kernels.length, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
    return () => {
      this.#done(this.#kernels, staging);
      resolved.destroy();
      this.#queries.destroy();
    };
  }
}
