import { type Contender, interleave } from '@mobinet/bench/interleave';
import type { StepOptions } from '@mobinet/bench/training-step';
import type { OtherNode } from './other-node.js';
import { nodeProgram, type Program, run } from './process.js';
import { figuresOf, type Row } from './row.js';
import { Server } from './server.js';
import { floatVariants, type Torch, torchComparisons, torchProgram, type Variant } from './torch.js';

// The training step: each contender has its own process, which is ready when it has done some steps, and the contenders
// take turns.

export const stepShapes: readonly StepOptions[] = [
  { size: 96, batch: 8, classes: 1000 },
  { size: 32, batch: 64, classes: 10 },
];

export const nameOfStep = ({ size, batch, classes }: StepOptions): string =>
  `batch ${batch} at ${size}×${size}, ${classes} classes`;

interface Peers {
  readonly torch: Torch | null;
  readonly otherNode: OtherNode | null;
  readonly rounds: number;
  /** Called before each process starts, and before the measurement. */
  onProgress(what: string): void;
}

/** Measures the time and the peak memory of a training step of one size. */
export async function measureStep(shape: StepOptions, threads: number, peers: Peers): Promise<Row[]> {
  const flags = Object.entries(shape).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const servers = new Map<string, Server>();
  try {
    for (const [name, program] of Object.entries(programsFor(flags, threads, peers))) {
      peers.onProgress(`${name} starts`);
      servers.set(name, await Server.start(name, program));
    }
    peers.onProgress(`${servers.size} contenders in ${peers.rounds} rounds`);
    const contenders = Object.fromEntries(
      Array.from(servers, ([name, server]): [string, Contender] => [name, server.contender()]),
    );
    const { times, probes } = await interleave(contenders, { rounds: peers.rounds, milliseconds: 1500 });
    const memory = Array.from(servers, ([name, { last }]) => [name, last!.mebibytes] as const);
    for (const server of servers.values()) server.stop();
    const spreads = { ...times };
    // TensorFlow.js has only one thread and is slow, so it runs once, when nothing else does.
    if (threads === 1) {
      peers.onProgress('tfjs-wasm');
      const tfjs = await run(nodeProgram(1, './tfjs-step.js', flags));
      spreads['tfjs-wasm'] = tfjs;
      memory.push(['tfjs-wasm', tfjs.mebibytes]);
    }
    return rowsOf(shape, threads, { ...figuresOf(spreads), probes }, Object.fromEntries(memory));
  } finally {
    for (const server of servers.values()) server.stop();
  }
}

function programsFor(flags: readonly string[], threads: number, { torch, otherNode }: Peers): Record<string, Program> {
  const ours = (node?: string): Program =>
    nodeProgram(threads, './step-server.js', [...flags, '--threads', String(threads)], node);
  const variant = ({ args, ...rest }: Variant, ...more: string[]): Program =>
    torchProgram(torch!, threads, 'torch_step.py', { ...rest, args: [...args, ...flags, ...more] });
  return {
    ours: ours(),
    ...(otherNode && { [`ours, ${otherNode.version}`]: ours(otherNode.path) }),
    ...(torch && Object.fromEntries(torchVariants(torch).map((each) => [each.name, variant(each)]))),
  };
}

/** All variants of PyTorch. The fastest one in float32 counts. */
function torchVariants(torch: Torch): Variant[] {
  const binary = [{ name: 'pytorch binary channels_last', args: ['--layout', 'channels_last', '--network', 'binary'] }];
  const bfloat16 = [
    { name: 'pytorch float channels_last, bfloat16', args: ['--layout', 'channels_last', '--bfloat16'] },
    {
      name: 'pytorch float channels_last, bfloat16, compiled, memory kept',
      args: ['--layout', 'channels_last', '--bfloat16', '--compile'],
      keepsMemory: true,
    },
  ];
  return [...floatVariants(torch), ...binary, ...(torch.compiles ? bfloat16 : [])];
}

function rowsOf(
  shape: StepOptions,
  threads: number,
  times: Required<Pick<Row, 'figures' | 'minima' | 'probes'>>,
  memory: Row['figures'],
): Row[] {
  const comparisons = torchComparisons(Object.keys(times.figures), threads === 1 ? 1.7 : 1.5);
  const [{ slow }] = comparisons;
  const fastest = [...slow].sort((a, b) => times.minima[a] - times.minima[b]).slice(0, 1);
  const common = { name: nameOfStep(shape), threads };
  return [
    {
      group: 'training step',
      ...common,
      unit: 'ms',
      ...times,
      comparisons: [...comparisons, { name: 'vs tfjs-wasm', slow: ['tfjs-wasm'], target: 5 }],
    },
    {
      group: 'peak memory of the training step',
      ...common,
      unit: 'MiB',
      figures: memory,
      comparisons: [{ name: 'vs the fastest pytorch', slow: fastest, target: 2 }],
    },
  ];
}
