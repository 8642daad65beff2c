import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spreadOfTurns } from '@mobinet/bench/median';
import { probe, warmUpProbe } from '@mobinet/bench/probe';
import { createMoBiNet, exportOnnx, packModel, saveFile } from 'mobinet';
import { mobileNetModel } from './onnx-model.js';
import type { OtherNode } from './other-node.js';
import { nodeProgram, type Outcome, type Program, run } from './process.js';
import { figuresOf, figuresOfRounds, type Row } from './row.js';
import { floatVariants, type Torch, torchComparisons, torchProgram } from './torch.js';

// Inference on one image: each contender runs in its own process, and the contenders take turns. The peers run our
// network in floats, and MobileNet v1, which has fewer multiply-adds.

const size = 224;
const classes = 1000;

interface Peers {
  readonly torch: Torch | null;
  readonly otherNode: OtherNode | null;
  readonly rounds: number;
  /** Called before each process starts. */
  onProgress(what: string): void;
}

/** Measures the time per image, and with one thread the time to the first prediction, peak memory and file sizes. */
export async function measureInference(threads: number, peers: Peers): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'mobinet-bench-'));
  try {
    const files = await writeModels(folder);
    const results = new Map<string, Outcome[]>();
    const probes: number[] = [];
    await warmUpProbe();
    for (let round = 0; round < peers.rounds; round++) {
      probes.push(probe());
      for (const [name, program] of Object.entries(programsFor(threads, files, peers))) {
        peers.onProgress(`${name}, round ${round + 1} of ${peers.rounds}`);
        results.set(name, [...(results.get(name) ?? []), await run(program)]);
      }
    }
    return rowsOf(threads, results, probes, await sizesOf(files));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Paths of model files, by their contents. */
type Files = Readonly<Record<'packed' | 'onnx' | 'mobileNet', string>>;

async function writeModels(folder: string): Promise<Files> {
  const files = {
    packed: join(folder, 'model.mobinet.safetensors'),
    onnx: join(folder, 'model.onnx'),
    mobileNet: join(folder, 'mobilenet-v1.onnx'),
  };
  const model = createMoBiNet({ block: 'mid', k: 3, imageSize: size, classes });
  await saveFile(files.packed, packModel(model));
  await saveFile(files.onnx, exportOnnx(model));
  await saveFile(files.mobileNet, mobileNetModel(size, classes));
  model.dispose();
  return files;
}

function programsFor(threads: number, files: Files, { torch, otherNode }: Peers): Record<string, Program> {
  const flags = ['--size', String(size), '--threads', String(threads)];
  const engine = (engine: string, model: string, node?: string): Program =>
    nodeProgram(threads, './inference-process.js', ['--engine', engine, '--model', model, ...flags], node);
  const variants = torch
    ? floatVariants(torch).map(({ name, args, ...rest }): [string, Program] => [
        name,
        torchProgram(torch, threads, 'torch_inference.py', { args: [...args, '--size', String(size)], ...rest }),
      ])
    : [];
  return {
    ours: engine('ours', files.packed),
    ...(otherNode && { [`ours, ${otherNode.version}`]: engine('ours', files.packed, otherNode.path) }),
    'onnxruntime-web': engine('web', files.onnx),
    // TensorFlow.js has only one thread in Node.
    ...(threads === 1 && { 'tfjs-wasm': nodeProgram(1, './inference-process.js', ['--engine', 'tfjs', ...flags]) }),
    'onnxruntime-node': engine('node', files.onnx),
    ...Object.fromEntries(variants),
    'MobileNet v1, onnxruntime-web': engine('web', files.mobileNet),
    'MobileNet v1, onnxruntime-node': engine('node', files.mobileNet),
  };
}

/** File sizes in MiB, by the contenders that load them. */
async function sizesOf(files: Files): Promise<Record<string, number>> {
  const mebibytes = async (file: string): Promise<number> => (await stat(file)).size / 2 ** 20;
  const [ours, onnx, mobileNet] = await Promise.all([files.packed, files.onnx, files.mobileNet].map(mebibytes));
  return { ours, onnxruntime: onnx, 'MobileNet v1, onnxruntime': mobileNet };
}

function rowsOf(
  threads: number,
  results: ReadonlyMap<string, readonly Outcome[]>,
  probes: readonly number[],
  sizes: Record<string, number>,
): Row[] {
  const name = `MoBiNet Mid, K = 3, ${size}×${size}`;
  const spreads = Array.from(results, ([name, rounds]) => [name, spreadOfTurns(rounds)] as const);
  const times: Row = {
    group: 'inference, one image',
    name,
    threads,
    unit: 'ms',
    ...figuresOf(Object.fromEntries(spreads)),
    comparisons: [
      { name: 'vs onnxruntime-web', slow: ['onnxruntime-web'], target: 10 },
      { name: 'vs tfjs-wasm', slow: ['tfjs-wasm'], target: 10 },
      ...torchComparisons([...results.keys()], 2.4),
      { name: 'vs onnxruntime-node', slow: ['onnxruntime-node'], target: 3.5 },
    ],
    probes,
  };
  if (threads > 1) return [times];
  const common = { name, threads, comparisons: [] };
  return [
    times,
    {
      group: 'time to the first prediction, from a cold process',
      unit: 'ms',
      ...common,
      ...figuresOfRounds(results, ({ firstMilliseconds }) => firstMilliseconds),
      probes,
    },
    {
      group: 'peak memory of inference',
      unit: 'MiB',
      ...common,
      ...figuresOfRounds(results, ({ mebibytes }) => mebibytes),
    },
    { group: 'size of the file', unit: 'MiB', ...common, figures: sizes },
  ];
}
