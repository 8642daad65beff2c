import { type BackendName, setThreads, useBackend } from '@mobinet/tensor/functions';
import { type Command, Option } from 'commander';
import { numberIn, threadsRange } from './number-flags.js';
import { say } from './output.js';

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
      if (profile) report = await (await import('./kernel-report.js')).startReport();
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
