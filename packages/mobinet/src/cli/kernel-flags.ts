import { type OpProfile, setThreads, startProfile } from '@mobinet/tensor';
import type { Command } from 'commander';
import { wholeNumber } from './flags.js';
import { formatTable, say } from './output.js';

interface KernelFlags {
  threads?: number;
  profile?: boolean;
}

/** --threads and --profile, for commands that compute. What was profiled goes to stderr, when the command has succeeded. */
export function addKernelFlags(command: Command): Command {
  let report = (): void => {};
  return command
    .option('--threads <number>', 'threads that compute (default: one for each processor)', wholeNumber(1))
    .option('--profile', 'tell at the end, on stderr, what each operation has cost')
    .hook('preAction', async () => {
      const { threads, profile } = command.opts<KernelFlags>();
      if (threads !== undefined) await setThreads(threads);
      if (!profile) return;
      const start = performance.now();
      const stop = startProfile();
      report = () => say(formatProfile(stop(), performance.now() - start));
    })
    .hook('postAction', () => report());
}

/** @param milliseconds What all took, work outside of operations included. */
export function formatProfile(ops: readonly OpProfile[], milliseconds: number): string {
  const inOps = ops.reduce((sum, op) => sum + op.milliseconds, 0);
  const rows = ops.map((op) => [
    op.op,
    op.calls,
    op.milliseconds.toFixed(1),
    ((100 * op.milliseconds) / inOps).toFixed(1),
    op.gmacPerSecond?.toFixed(1) ?? '–',
    (op.bytes / op.milliseconds / 1e6).toFixed(1),
  ]);
  return [
    formatTable(['operation', 'calls', 'ms', '%', 'GMAC/s', 'GB/s'], rows),
    `operations took ${(inOps / 1000).toFixed(2)} s of ${(milliseconds / 1000).toFixed(2)} s`,
  ].join('\n');
}
