import {
  type BackendName,
  currentBackend,
  type KernelChoice,
  type KernelTime,
  kernelChoices,
  type OpProfile,
  setThreads,
  startGpuTimes,
  startProfile,
  useBackend,
} from '@mobinet/tensor';
import { type Command, Option } from 'commander';
import { numberIn, threadsRange } from './number-flags.js';
import { formatTable, say } from './output.js';

interface KernelFlags {
  device: Device;
  threads?: number;
  profile?: boolean;
}

type Device = BackendName | 'auto';

/** Adds --device, --threads and --profile. A profile is printed to stderr after the command succeeds. */
export function addKernelFlags(command: Command, defaultDevice: Device = 'auto'): Command {
  let report = async (): Promise<void> => {};
  return command
    .addOption(
      new Option('--device <name>', 'compute device: the CPU, a GPU (see docs/gpu.md), or a GPU if available')
        .choices(['cpu', 'webgpu', 'auto'] satisfies Device[])
        .default(defaultDevice),
    )
    .option('--threads <number>', 'compute threads (default: one per processor)', numberIn(threadsRange))
    .option('--profile', 'print the cost of each operation, or each GPU kernel, to stderr at the end')
    .hook('preAction', async () => {
      const { threads, profile } = command.opts<KernelFlags>();
      await chooseDevice(command);
      if (threads !== undefined) await setThreads(threads);
      if (profile) report = await startReport();
    })
    .hook('postAction', () => report());
}

/**
 * Chooses the device. Reports it if it is a GPU or if the user gave --device auto. Otherwise prints only a hint, if
 * there is one.
 */
async function chooseDevice(command: Command): Promise<void> {
  const { device } = command.opts<KernelFlags>();
  const isRequested = command.getOptionValueSource('device') !== 'default';
  if (device === 'cpu') return;
  const { backend, reason, hint } = await useBackend(device);
  if (isRequested || backend === 'webgpu') say(`computing on ${reason}`);
  else if (hint !== undefined) say(hint);
}

/**
 * Starts profiling.
 * @returns A function that stops it and prints the result.
 */
async function startReport(): Promise<() => Promise<void>> {
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
