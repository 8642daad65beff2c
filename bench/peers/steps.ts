import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median } from '@mobinet/bench/interleave';
import type { Row } from './row.js';
import { pinned, torchCommand, torchEnvironment } from './torch.js';

// The training step: each contender in a process of its own, all of them in turns.

export interface StepShape {
  readonly size: number;
  readonly batch: number;
  readonly classes: number;
}

export const stepShapes: readonly StepShape[] = [
  { size: 96, batch: 8, classes: 1000 },
  { size: 32, batch: 64, classes: 10 },
];

interface StepResult {
  readonly milliseconds: number;
  readonly mebibytes: number;
}

/** A program and its arguments. */
type Command = readonly string[];

function nodeCommand(threads: number, script: string, args: readonly string[]): Command {
  return [...pinned(threads), process.execPath, fileURLToPath(new URL(script, import.meta.url)), ...args];
}

/** PyTorch in all ways in which it can be asked: the fastest counts. */
const torchVariants = (['float', 'binary'] as const).flatMap((network) =>
  (['channels_last', 'contiguous'] as const).map((layout) => ({ network, layout })),
);

/**
 * Rows of milliseconds and of peak memory, for one size of step.
 * @param onProgress Hears of each process before it starts.
 */
export async function measureStep(
  shape: StepShape,
  threads: number,
  { hasTorch, rounds, onProgress }: { hasTorch: boolean; rounds: number; onProgress: (what: string) => void },
): Promise<Row[]> {
  const flags = Object.entries(shape).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const commands: Record<string, Command> = {
    ours: nodeCommand(threads, '../../step.js', [...flags, '--threads', String(threads), '--json']),
  };
  if (hasTorch) {
    for (const { network, layout } of torchVariants) {
      const args = [...flags, '--threads', String(threads), '--network', network, '--layout', layout];
      commands[`pytorch ${network} ${layout}`] = torchCommand(threads, 'torch_step.py', args);
    }
  }
  // It has no more than one thread, and takes long: once is enough.
  if (threads === 1) commands['tfjs-wasm'] = nodeCommand(1, './tfjs-step.js', [...flags, '--json']);

  const results = new Map<string, StepResult[]>(Object.keys(commands).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, command] of Object.entries(commands)) {
      if (name === 'tfjs-wasm' && round > 0) continue;
      onProgress(`${name}, round ${round + 1} of ${rounds}`);
      results.get(name)!.push(await run(command, threads));
    }
  }
  const figures = (of: (result: StepResult) => number): Record<string, number> =>
    Object.fromEntries(Array.from(results, ([name, all]) => [name, median(all.map(of))]));
  const torch = Object.keys(commands).filter((name) => name.startsWith('pytorch'));
  const name = `batch ${shape.batch} at ${shape.size}×${shape.size}, ${shape.classes} classes`;
  const milliseconds = figures((result) => result.milliseconds);
  const fastestTorch = torch.sort((a, b) => milliseconds[a] - milliseconds[b]).slice(0, 1);
  return [
    {
      ...{ group: 'training step', name, threads, unit: 'ms', figures: milliseconds },
      aims: [
        { name: 'to pytorch', slow: torch, target: threads === 1 ? 1.7 : 1.3 },
        { name: 'to tfjs-wasm', slow: ['tfjs-wasm'], target: 5 },
      ],
    },
    {
      ...{ group: 'peak memory of the training step', name, threads, unit: 'MiB' },
      figures: figures((result) => result.mebibytes),
      aims: [{ name: 'to the fastest pytorch', slow: fastestTorch, target: 2 }],
    },
  ];
}

const clock = '/usr/bin/time';

/** Runs a command that prints JSON. GNU time, where it is installed, tells its peak memory; else the command itself. */
async function run(command: Command, threads: number): Promise<StepResult> {
  const hasClock = existsSync(clock);
  const [program, ...args] = hasClock ? [clock, '-v', ...command] : command;
  const { stdout, stderr } = await promisify(execFile)(program, args, { env: torchEnvironment(threads) });
  const { milliseconds, peakMemoryBytes } = JSON.parse(stdout) as { milliseconds: number; peakMemoryBytes: number };
  const kibibytes = /Maximum resident set size \(kbytes\): (\d+)/.exec(stderr)?.[1];
  return { milliseconds, mebibytes: kibibytes ? Number(kibibytes) / 1024 : peakMemoryBytes / 2 ** 20 };
}
