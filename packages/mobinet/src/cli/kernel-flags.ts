import {
  type BackendName,
  currentBackend,
  type KernelTime,
  type OpProfile,
  setThreads,
  startGpuTimes,
  startProfile,
  useBackend,
} from '@mobinet/tensor';
import { type Command, Option } from 'commander';
import { numberIn, threadsRange } from './flags.js';
import { formatTable, say } from './output.js';

interface KernelFlags {
  device: Device;
  threads?: number;
  profile?: boolean;
}

type Device = BackendName | 'auto';

/** --device, --threads and --profile. What was profiled goes to stderr, when the command has succeeded. */
export function addKernelFlags(command: Command, usualDevice: Device = 'auto'): Command {
  let report = async (): Promise<void> => {};
  return command
    .addOption(
      new Option('--device <name>', 'where to compute: the processor, a GPU (docs/gpu.md), or a GPU if there is one')
        .choices(['cpu', 'webgpu', 'auto'] satisfies Device[])
        .default(usualDevice),
    )
    .option('--threads <number>', 'threads that compute (default: one for each processor)', numberIn(threadsRange))
    .option('--profile', 'tell at the end, on stderr, what each operation has cost, or on a GPU each kernel')
    .hook('preAction', async () => {
      const { threads, profile } = command.opts<KernelFlags>();
      await chooseDevice(command);
      if (threads !== undefined) await setThreads(threads);
      if (profile) report = await startReport();
    })
    .hook('postAction', () => report());
}

/** Chooses the device, and says which it is, unless it is the processor and nobody has asked. */
async function chooseDevice(command: Command): Promise<void> {
  const { device } = command.opts<KernelFlags>();
  const isAsked = command.getOptionValueSource('device') !== 'default';
  if (device === 'cpu') return;
  const { backend, reason, hint } = await useBackend(device);
  if (isAsked || backend === 'webgpu') say(`computing on ${reason}`);
  else if (hint !== undefined) say(hint);
}

/** Begins to profile. @returns Ends it, and says what was found. */
async function startReport(): Promise<() => Promise<void>> {
  const start = performance.now();
  const elapsed = (): number => performance.now() - start;
  if (currentBackend() === 'webgpu') {
    // What an operation takes on the processor is no more than to ask for its kernels.
    const stop = await startGpuTimes();
    return async () => say(...formatKernelTimes(await stop(), elapsed()).split('\n'));
  }
  const stop = startProfile();
  return async () => say(...formatProfile(stop(), elapsed()).split('\n'));
}

/**
 * A table of what kernels have taken on a GPU.
 * @param milliseconds What all took, work outside of kernels included.
 */
export function formatKernelTimes(kernels: readonly KernelTime[], milliseconds: number): string {
  const inKernels = kernels.reduce((sum, kernel) => sum + kernel.milliseconds, 0);
  const rows = kernels.map(({ kernel, runs, milliseconds: own }) => [
    ...[kernel, runs, own.toFixed(1)],
    inKernels > 0 ? ((100 * own) / inKernels).toFixed(1) : '–',
  ]);
  return [
    formatTable(['kernel', 'runs', 'ms', '%'], rows),
    `kernels took ${(inKernels / 1000).toFixed(2)} s of ${(milliseconds / 1000).toFixed(2)} s`,
  ].join('\n');
}

/**
 * A table of what operations have cost. Bytes are those of their operands: what they had at least to read and write.
 * @param milliseconds What all took, work outside of operations included.
 */
export function formatProfile(ops: readonly OpProfile[], milliseconds: number): string {
  const inOps = ops.reduce((sum, op) => sum + op.milliseconds, 0);
  // What was too short for the clock has no rate.
  const rate = (amount: number, time: number): string => (time > 0 ? (amount / time).toFixed(1) : '–');
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
