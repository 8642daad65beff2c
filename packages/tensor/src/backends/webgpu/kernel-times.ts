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
  readonly #totals = new Map<string, Omit<KernelTime, 'kernel'>>();
  readonly #pending: Promise<void>[] = [];

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Starts measuring one submission with at most `count` kernels. */
  start(count: number): BatchTimes {
    return new BatchTimes(this.#device, count, (runs, staging) => {
      this.#pending.push(this.#read(runs, staging));
    });
  }

  async #read(kernelRuns: readonly KernelRun[], staging: GPUBuffer): Promise<void> {
    await staging.mapAsync(1);
    const times = new BigUint64Array(staging.getMappedRange());
    kernelRuns.forEach((run, k) => {
      const { runs, milliseconds, bytes } = this.#totals.get(run.kernel) ?? { runs: 0, milliseconds: 0, bytes: 0 };
      this.#totals.set(run.kernel, {
        runs: runs + 1,
        milliseconds: milliseconds + Number(times[2 * k + 1] - times[2 * k]) / 1e6,
        bytes: bytes + run.bytes,
      });
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

/** One run of a kernel, and the size of its tensors. */
interface KernelRun {
  readonly kernel: string;
  readonly bytes: number;
}

/** The timestamps before and after each kernel of one submission. */
class BatchTimes {
  readonly #device: GPUDevice;
  readonly #done: (runs: readonly KernelRun[], staging: GPUBuffer) => void;
  readonly #queries: GPUQuerySet;
  readonly #runs: KernelRun[] = [];

  constructor(device: GPUDevice, count: number, done: (runs: readonly KernelRun[], staging: GPUBuffer) => void) {
    this.#device = device;
    this.#done = done;
    this.#queries = device.createQuerySet({ type: 'timestamp', count: 2 * count });
  }

  /** Returns the timestamp writes for the next kernel's pass. */
  next(run: KernelRun): GPUComputePassTimestampWrites {
    const at = 2 * this.#runs.push(run) - 2;
    return { querySet: this.#queries, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 };
  }

  /** Encodes the readback of the timestamps. @returns A function to call after the submission. */
  finish(encoder: GPUCommandEncoder): () => void {
    const size = 2 * timestampBytes * this.#runs.length;
    if (size === 0) return () => this.#queries.destroy();
    const resolved = this.#device.createBuffer({ size, usage: bufferUsage.queryResolve | bufferUsage.copySource });
    const staging = this.#device.createBuffer({ size, usage: bufferUsage.mapRead | bufferUsage.copyTarget });
    encoder.resolveQuerySet(this.#queries, 0, 2 * this.#runs.length, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
    return () => {
      this.#done(this.#runs, staging);
      resolved.destroy();
      this.#queries.destroy();
    };
  }
}
