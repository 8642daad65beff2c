import { type KernelChoice, kernelChoices, Rng, setThreads, threadCount } from '@mobinet/tensor/functions';
import { layersOf, multiplyAddsOf } from '@mobinet/tensor/kernels';
import { Command } from 'commander';
import type { PackedModel } from '../export/packed-model.js';
import { readPacked } from '../training/files.js';
import { trainingRanges } from '../training/options.js';
import { jsonFlag } from './flags.js';
import { formatChoices } from './kernel-report.js';
import { networkFlag } from './network-flag.js';
import { numberIn, threadsRange } from './number-flags.js';
import { printJson, printResult } from './output.js';
import { formatTable } from './table.js';

interface BenchFlags {
  threads?: number;
  batch: number;
  seconds: number;
  json?: boolean;
}

interface BenchLayer {
  readonly name: string;
  /** The median of its runs. */
  readonly milliseconds: number;
  /** The layer's fraction of the sum over all layers. */
  readonly share: number;
  /** For the whole batch. */
  readonly binaryMultiplyAdds: number;
  readonly binaryMultiplyAddsPerSecond: number;
}

interface BenchResult {
  readonly model: string;
  readonly batch: number;
  readonly threads: number;
  readonly runs: number;
  /** The median time from images in memory to logits. */
  readonly milliseconds: number;
  readonly imagesPerSecond: number;
  readonly layers: readonly BenchLayer[];
  /** The kernels that were chosen among equivalent ones. */
  readonly kernels: readonly KernelChoice[];
}

/** `mobinet bench`: measures the speed of a packed model, as a whole and layer by layer. */
export function benchCommand(): Command {
  return new Command('bench')
    .description('measure the speed of a packed model, layer by layer')
    .argument('<model>', 'packed model, checkpoint or run folder')
    .addOption(networkFlag())
    .option('--threads <number>', 'compute threads (default: one per processor)', numberIn(threadsRange))
    .option('--batch <images>', 'images per batch', numberIn(trainingRanges.batchSize), 1)
    .option('--seconds <number>', 'duration of the measurement', numberIn({ above: 0, to: 86_400 }), 2)
    .option(...jsonFlag)
    .addHelpText(
      'after',
      `
The images are random noise in memory. The network runs alternately as a whole and layer by layer; medians are reported.

Examples:
  mobinet bench photos.mobinet.safetensors
  mobinet bench photos.mobinet.safetensors --threads 1 --json`,
    )
    .action(runBench);
}

async function runBench(path: string, { threads = threadCount(), batch, seconds, json }: BenchFlags): Promise<void> {
  const model = await readPacked(path);
  await setThreads(threads);
  const result = { model: path, batch, threads: threadCount(), ...(await measure(model, batch, seconds)) };
  if (json) printJson(result);
  else printResult(...format(result).split('\n'));
}

async function measure(
  model: PackedModel,
  batch: number,
  seconds: number,
): Promise<Omit<BenchResult, 'model' | 'batch' | 'threads'>> {
  const images = Rng.fromSeed(0).normal([batch, ...model.imageShape]);
  const whole: number[] = [];
  const { program } = model.programFor(images);
  const layers = layersOf(program).map(({ name, from, to }) => ({ name, calls: program.calls.slice(from, to) }));
  const byLayer: number[][] = layers.map(() => []);
  const runAsAWhole = async (): Promise<void> => {
    const start = performance.now();
    const logits = model.forward(images);
    await logits.data();
    whole.push(performance.now() - start);
    logits.dispose();
  };
  const runByLayer = (): void => {
    model.watch(images, ({ index, milliseconds }) => byLayer[index].push(milliseconds)).dispose();
  };
  // Kernels are compiled when they first run, and optimized further while they run.
  await forSeconds(seconds / 4, async () => {
    await runAsAWhole();
    runByLayer();
  });
  whole.length = 0;
  for (const times of byLayer) times.length = 0;
  await forSeconds(seconds, async () => {
    await runAsAWhole();
    runByLayer();
  });

  const medians = byLayer.map(median);
  const sum = medians.reduce((sum, milliseconds) => sum + milliseconds, 0);
  const milliseconds = median(whole);
  return {
    runs: whole.length,
    milliseconds,
    imagesPerSecond: (1000 * batch) / milliseconds,
    kernels: kernelChoices(),
    layers: layers.map(({ name, calls }, index) => {
      const binary = calls.filter(({ inputs: [x] }) => program.values[x].dtype === 'bits');
      const binaryMultiplyAdds = binary.reduce((sum, call) => sum + multiplyAddsOf(program, call), 0);
      const milliseconds = medians[index];
      return {
        name,
        milliseconds,
        share: milliseconds / sum,
        binaryMultiplyAdds,
        binaryMultiplyAddsPerSecond: (1000 * binaryMultiplyAdds) / milliseconds,
      };
    }),
  };
}

/** Repeats `run` for this many seconds, at least three times. */
async function forSeconds(seconds: number, run: () => Promise<void>): Promise<void> {
  const end = performance.now() + 1000 * seconds;
  for (let times = 0; times < 3 || performance.now() < end; times++) await run();
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

function format({ layers, milliseconds, batch, threads, runs, imagesPerSecond, kernels }: BenchResult): string {
  const rows = layers.map((layer) => [
    layer.name,
    layer.milliseconds.toFixed(3),
    (100 * layer.share).toFixed(1),
    layer.binaryMultiplyAdds === 0 ? '–' : (layer.binaryMultiplyAdds / 1e6).toFixed(1),
    layer.binaryMultiplyAdds === 0 ? '–' : (layer.binaryMultiplyAddsPerSecond / 1e9).toFixed(1),
  ]);
  return [
    formatTable(['layer', 'ms', '%', 'binary MMAC', 'GMAC/s'], rows),
    `${milliseconds.toFixed(2)} ms for ${batch === 1 ? 'an image' : `${batch} images`}, ${imagesPerSecond.toFixed(1)} images/s, ` +
      `on ${threads === 1 ? 'one thread' : `${threads} threads`} (median of ${runs} runs)`,
    ...formatChoices(kernels),
  ].join('\n');
}
