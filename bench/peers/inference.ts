import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from '@mobinet/bench/interleave';
import { createMoBiNet, exportOnnx, packModel, saveFile } from 'mobinet';
import { mobileNetModel } from './onnx-model.js';
import { type Command, nodeCommand, type Outcome, run } from './process.js';
import type { Row } from './row.js';
import { torchCommand } from './torch.js';

// Inference on one image: each contender runs in its own process, and the contenders take turns. The peers run our
// network in floats, and MobileNet v1, which has fewer multiply-adds.

const size = 224;
const classes = 1000;

/**
 * Measures the time per image for each number of threads, the time to the first prediction, peak memory and file sizes.
 *
 * @param onProgress Called before each process starts.
 */
export async function measureInference(
  threadCounts: readonly number[],
  { hasTorch, rounds, onProgress }: { hasTorch: boolean; rounds: number; onProgress: (what: string) => void },
): Promise<Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'mobinet-bench-'));
  try {
    const files = await writeModels(folder);
    const results = new Map<string, Outcome[]>();
    for (let round = 0; round < rounds; round++) {
      for (const threads of threadCounts) {
        for (const [name, command] of Object.entries(commandsFor(threads, files, hasTorch))) {
          onProgress(
            `${name}, ${threads === 1 ? 'one thread' : `${threads} threads`}, round ${round + 1} of ${rounds}`,
          );
          const key = `${threads} ${name}`;
          results.set(key, [...(results.get(key) ?? []), await run(command, threads)]);
        }
      }
    }
    return rowsOf(threadCounts, results, await sizesOf(files));
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

function commandsFor(threads: number, files: Files, hasTorch: boolean): Record<string, Command> {
  const flags = ['--size', String(size), '--threads', String(threads)];
  const engine = (engine: string, model: string): Command =>
    nodeCommand(threads, './inference-process.js', ['--engine', engine, '--model', model, ...flags]);
  const torch = (layout: string): Command =>
    torchCommand(threads, 'torch_inference.py', [...flags, '--layout', layout]);
  return {
    ours: engine('ours', files.packed),
    'onnxruntime-web': engine('web', files.onnx),
    // TensorFlow.js has only one thread in Node.
    ...(threads === 1 && { 'tfjs-wasm': nodeCommand(1, './inference-process.js', ['--engine', 'tfjs', ...flags]) }),
    'onnxruntime-node': engine('node', files.onnx),
    ...(hasTorch && { 'pytorch channels_last': torch('channels_last'), 'pytorch contiguous': torch('contiguous') }),
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
  threadCounts: readonly number[],
  results: ReadonlyMap<string, readonly Outcome[]>,
  sizes: Record<string, number>,
): Row[] {
  const name = `MoBiNet Mid, K = 3, ${size}×${size}`;
  const figures = (threads: number, of: (outcome: Outcome) => number): Record<string, number> =>
    Object.fromEntries(
      [...results]
        .filter(([key]) => key.startsWith(`${threads} `))
        .map(([key, outcomes]) => [key.slice(key.indexOf(' ') + 1), median(outcomes.map(of))]),
    );
  const milliseconds = ({ milliseconds }: Outcome): number => milliseconds;
  const one = figures(1, milliseconds).ours;
  const peers = [
    { name: 'vs onnxruntime-web', slow: ['onnxruntime-web'], target: 10 },
    { name: 'vs tfjs-wasm', slow: ['tfjs-wasm'], target: 10 },
    { name: 'vs pytorch', slow: ['pytorch channels_last', 'pytorch contiguous'], target: 2.4 },
    { name: 'vs onnxruntime-node', slow: ['onnxruntime-node'], target: 3.5 },
  ];
  return [
    ...threadCounts.map(
      (threads): Row => ({
        group: 'inference, one image',
        name,
        threads,
        unit: 'ms',
        figures: { ...figures(threads, milliseconds), ...(threads > 1 && { 'ours, one thread': one }) },
        comparisons:
          threads > 1 ? [{ name: 'vs one thread', slow: ['ours, one thread'], target: 1.75 }, ...peers] : peers,
      }),
    ),
    {
      group: 'time to the first prediction, from a cold process',
      name,
      threads: 1,
      unit: 'ms',
      figures: figures(1, ({ firstMilliseconds }) => firstMilliseconds),
      comparisons: [],
    },
    {
      group: 'peak memory of inference',
      name,
      threads: 1,
      unit: 'MiB',
      figures: figures(1, ({ mebibytes }) => mebibytes),
      comparisons: [],
    },
    { group: 'size of the file', name, threads: 1, unit: 'MiB', figures: sizes, comparisons: [] },
  ];
}
