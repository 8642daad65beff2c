import { median } from '@mobinet/bench/interleave';
import { type Command, nodeCommand, type Outcome, run } from './process.js';
import type { Row } from './row.js';
import { torchCommand } from './torch.js';

// The training step: each contender runs in its own process, and the contenders take turns.

export interface StepShape {
  readonly size: number;
  readonly batch: number;
  readonly classes: number;
}

export const stepShapes: readonly StepShape[] = [
  { size: 96, batch: 8, classes: 1000 },
  { size: 32, batch: 64, classes: 10 },
];

/** All variants of PyTorch. The fastest one counts. */
const torchVariants = (['float', 'binary'] as const).flatMap((network) =>
  (['channels_last', 'contiguous'] as const).map((layout) => ({ network, layout })),
);

/**
 * Measures the time and the peak memory of a training step of one size.
 *
 * @param onProgress Called before each process starts.
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
  // TensorFlow.js has only one thread and is slow, so it runs in one round only.
  if (threads === 1) commands['tfjs-wasm'] = nodeCommand(1, './tfjs-step.js', [...flags, '--json']);

  const results = new Map<string, Outcome[]>(Object.keys(commands).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, command] of Object.entries(commands)) {
      if (name === 'tfjs-wasm' && round > 0) continue;
      onProgress(`${name}, round ${round + 1} of ${rounds}`);
      results.get(name)!.push(await run(command, threads));
    }
  }
  const figures = (of: (result: Outcome) => number): Record<string, number> =>
    Object.fromEntries(Array.from(results, ([name, all]) => [name, median(all.map(of))]));
  const torch = Object.keys(commands).filter((name) => name.startsWith('pytorch'));
  const name = `batch ${shape.batch} at ${shape.size}×${shape.size}, ${shape.classes} classes`;
  const milliseconds = figures((result) => result.milliseconds);
  const fastestTorch = torch.sort((a, b) => milliseconds[a] - milliseconds[b]).slice(0, 1);
  return [
    {
      group: 'training step',
      name,
      threads,
      unit: 'ms',
      figures: milliseconds,
      comparisons: [
        { name: 'vs pytorch', slow: torch, target: threads === 1 ? 1.7 : 1.3 },
        { name: 'vs tfjs-wasm', slow: ['tfjs-wasm'], target: 5 },
      ],
    },
    {
      group: 'peak memory of the training step',
      name,
      threads,
      unit: 'MiB',
      figures: figures((result) => result.mebibytes),
      comparisons: [{ name: 'vs the fastest pytorch', slow: fastestTorch, target: 2 }],
    },
  ];
}
