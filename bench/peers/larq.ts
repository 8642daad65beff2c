import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { BatchNorm2d, Sequential } from '@mobinet/autograd';
import { type Contender, interleave } from '@mobinet/bench/interleave';
import { making } from '@mobinet/bench/section';
import { BinaryConv2d, inferenceRules } from '@mobinet/bnn';
import { compile, Rng, type Shape, setThreads, type Tensor } from '@mobinet/tensor';
import { biRealNet } from './bi-real-net.js';
import { environment, peersFolder, pinned, sourceFile } from './environment.js';
import { figuresOf, type Row, type Work } from './row.js';
import { Server } from './server.js';

// Larq Compute Engine, another engine for binary networks, on one thread. Both sides run what they deploy: floats in,
// floats out, weights packed and BatchNorm folded.

const python = join(peersFolder, 'larq/bin/python');
const models = join(peersFolder, 'larq-models');

/** The version of the installed Larq Compute Engine, or null. */
export function findLarq(): string | null {
  try {
    const program = 'from importlib.metadata import version; print(version("larq-compute-engine"))';
    return execFileSync(python, ['-c', program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return null;
  }
}

/** A stride-1 layer with as many outputs as channels. Larq's model of the same name is made by larq_models.py. */
interface Layer {
  readonly size: number;
  readonly channels: number;
  readonly kernel: number;
}

const layers: readonly Layer[] = [1, 3].flatMap((kernel) =>
  (
    [
      [56, 64],
      [28, 128],
      [14, 256],
      [14, 512],
      [7, 1024],
    ] as const
  ).map(([size, channels]) => ({
    size,
    channels,
    kernel,
  })),
);

/** The single layers, then Bi-Real Net 18 on one image of 224×224. */
export const larqWork: readonly Work[] = [
  ...layers.map(({ size, channels, kernel }) =>
    work({
      group: 'binary convolution and BatchNorm, packed',
      name: `${kernel}×${kernel}, ${size}×${size}×${channels}`,
      model: `conv-${kernel}-${size}-${channels}`,
      shape: [1, size, size, channels],
      target: 2,
      make: (rng) => new Sequential(new BinaryConv2d(channels, channels, { kernel, rng }), new BatchNorm2d(channels)),
    }),
  ),
  work({
    group: 'a binary network from another library',
    name: 'Bi-Real Net 18, 224×224',
    model: 'bi-real-net-18',
    shape: [1, 224, 224, 3],
    make: (rng) => biRealNet(1000, rng),
  }),
];

interface Comparand {
  readonly group: string;
  readonly name: string;
  /** The name of Larq's model. */
  readonly model: string;
  /** The shape of the input. */
  readonly shape: Shape;
  readonly target?: number;
  /** Makes our network. */
  make(rng: Rng): Sequential;
}

function work({ group, name, model, shape, target, make }: Comparand): Work {
  return {
    group,
    name,
    async measure() {
      const server = await startLarq(model);
      try {
        await setThreads(1);
        const contenders = { ours: compiled(make(Rng.fromSeed(1)), shape), 'Larq Compute Engine': server.contender() };
        const { times, probes } = await interleave(contenders, { milliseconds: 200 });
        const comparisons = [
          { name: 'vs Larq Compute Engine', slow: ['Larq Compute Engine'], ...(target && { target }) },
        ];
        return { group, name, threads: 1, unit: 'ms', ...figuresOf(times), comparisons, probes } satisfies Row;
      } finally {
        server.stop();
      }
    },
  };
}

/** Our network as a packed file runs it. */
function compiled(network: Sequential, shape: Shape): Contender {
  network.eval();
  const program = compile((x) => network.forward(x as Tensor), [{ dtype: 'f32', shape }], { rules: inferenceRules });
  const x = Rng.fromSeed(2).normal(shape);
  return making(() => program.run([x])[0]);
}

/** Starts an interpreter of a model, which is made if it does not exist. */
function startLarq(model: string): Promise<Server> {
  mkdirSync(models, { recursive: true });
  execFileSync(python, [sourceFile('larq_models.py'), models, model], { stdio: 'ignore' });
  const command = [...pinned(1), python, sourceFile('larq_server.py'), join(models, model)];
  return Server.start('Larq Compute Engine', { command, env: { ...environment(1), TF_CPP_MIN_LOG_LEVEL: '3' } });
}
