import {
  currentBackend,
  type KernelChoice,
  type KernelTime,
  kernelChoices,
  type OpProfile,
  startGpuTimes,
  startProfile,
} from '@mobinet/tensor/functions';
import { say } from './output.js';
import { formatTable } from './table.js';

/**
 * Starts profiling.
 * @returns A function that stops it and prints the result.
 */
export async function startReport(): Promise<() => Promise<void>> {
  const start = performance.now();
  const elapsed = (): number => performance.now() - start;
  if (currentBackend() === 'webgpu') {
    // On the CPU, an operation only enqueues its GPU kernels, so the kernels themselves are timed.
    const stop = await startGpuTimes();
    return async () => say(...formatKernelTimes(await stop(), elapsed()).split('\n'));
  }
  const stop = startProfile();
  return async () => say(...formatProfile(stop(), elapsed()).split('\n'), ...formatChoices(kernelChoices()));
}

/**
 * A table of the time that kernels took on a GPU. Rates are those of the tensors that they were given.
 * @param milliseconds The total time, including work outside kernels.
 */
export function formatKernelTimes(kernels: readonly KernelTime[], milliseconds: number): string {
  const inKernels = kernels.reduce((sum, kernel) => sum + kernel.milliseconds, 0);
  const rows = kernels.map(({ kernel, runs, milliseconds: own, bytes }) => [
    kernel,
    runs,
    own.toFixed(1),
    rate(100 * own, inKernels),
    rate(bytes / 1e6, own),
  ]);
  return [
    formatTable(['kernel', 'runs', 'ms', '%', 'GB/s'], rows),
    `kernels took ${(inKernels / 1000).toFixed(2)} s of ${(milliseconds / 1000).toFixed(2)} s`,
  ].join('\n');
}

/**
 * A table of the cost of operations. Bytes are those of their operands, the least that must be read and written.
 * @param milliseconds The total time, including work outside operations.
 */
export function formatProfile(ops: readonly OpProfile[], milliseconds: number): string {
  const inOps = ops.reduce((sum, op) => sum + op.milliseconds, 0);
  const rows = ops.map((op) => [
    op.op,
    op.calls,
    op.milliseconds.toFixed(1),
    rate(100 * op.milliseconds, inOps),
    op.multiplyAdds > 0 ? rate(op.multiplyAdds / 1e6, op.milliseconds) : '–',
    (op.bytes / 1e6).toFixed(1),
    rate(op.bytes / 1e6, op.milliseconds),
  ]);
  return [
    formatTable(['operation', 'calls', 'ms', '%', 'GMAC/s', 'MB', 'GB/s'], rows),
    `operations took ${(inOps / 1000).toFixed(2)} s of ${(milliseconds / 1000).toFixed(2)} s`,
  ].join('\n');
}

/** A line for each family of equivalent kernels that has run: which of them was chosen, and why. */
export function formatChoices(choices: readonly KernelChoice[]): string[] {
  return choices.map(({ family, kernel, reason }) => `${family}: ${kernel} (${reason})`);
}

/** Work that is too short for the clock has no rate. */
const rate = (amount: number, time: number): string => (time > 0 ? (amount / time).toFixed(1) : '–');
