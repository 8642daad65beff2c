import { type BackendName, type OpProfile, setThreads, startProfile, useBackend } from '@mobinet/tensor';
import { type Command, Option } from 'commander';
import { wholeNumber } from './flags.js';
import { formatTable, say } from './output.js';

interface KernelFlags {
  device: Device;
  threads?: number;
  profile?: boolean;
}

type Device = BackendName | 'auto';

/** --device, for commands that compute. */
export function addDeviceFlag(command: Command, usual: Device): Command {
  return command.addOption(
    new Option(
      '--device <name>',
      'where to compute: on the processor, on a GPU (docs/gpu.md), or on a GPU if there is one',
    )
      .choices(['cpu', 'webgpu', 'auto'] satisfies Device[])
      .default(usual),
  );
}

/** Chooses the device, and says which it is unless nothing was asked. */
export async function chooseDevice(device: Device): Promise<void> {
  if (device === 'cpu') return;
  const { reason } = await useBackend(device);
  say(`computing on ${reason}`);
}

/** --device, --threads and --profile. What was profiled goes to stderr, when the command has succeeded. */
export function addKernelFlags(command: Command, device: Device = 'cpu'): Command {
  let report = (): void => {};
  return addDeviceFlag(command, device)
    .option('--threads <number>', 'threads that compute (default: one for each processor)', wholeNumber(1))
    .option('--profile', 'tell at the end, on stderr, what each operation has cost')
    .hook('preAction', async () => {
      const { device, threads, profile } = command.opts<KernelFlags>();
      await chooseDevice(device);
      if (threads !== undefined) await setThreads(threads);
      if (!profile) return;
      const start = performance.now();
      const stop = startProfile();
      report = () => say(formatProfile(stop(), performance.now() - start));
    })
    .hook('postAction', () => report());
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
