import { Rng, setThreads, threadCount } from '@mobinet/tensor';
import { Command } from 'commander';
import { readPacked } from '../export/files.js';
import type { PackedModel } from '../export/packed-model.js';
import { summary } from '../summary/summary.js';
import { trainingRanges } from '../training/options.js';
import { jsonFlag, numberIn, threadsRange } from './flags.js';
import { formatTable, printJson, printResult } from './output.js';

interface BenchFlags {
  threads?: number;
  batch: number;
  seconds: number;
  json?: boolean;
}

interface BenchLayer {
  readonly name: string;
  /** Median of its runs. */
  readonly milliseconds: number;
  /** Of the sum over all layers. */
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
  /** Median of runs from images in memory to logits. */
  readonly milliseconds: number;
  readonly imagesPerSecond: number;
  readonly layers: readonly BenchLayer[];
}

/** `mobinet bench`: how fast a packed model runs, as a whole and layer by layer. */
export function benchCommand(): Command {
  return new Command('bench')
    .description('how fast a packed model runs, layer by layer')
    .argument('<model>', 'a packed model')
    .option('--threads <number>', 'threads that compute (default: one for each processor)', numberIn(threadsRange))
    .option('--batch <images>', 'images at a time', numberIn(trainingRanges.batchSize), 1)
    .option('--seconds <number>', 'how long it is measured', numberIn({ above: 0, to: 86_400 }), 2)
    .option(...jsonFlag)
    .addHelpText(
      'after',
      `
Images are noise, and ready in memory. Half of the time the network runs as a whole, half of it layer by layer, in turns; medians are told.

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
  const byLayer = new Map<string, number[]>();
  const runAsAWhole = async (): Promise<void> => {
    const start = performance.now();
    const logits = model.forward(images);
    await logits.data();
    whole.push(performance.now() - start);
    logits.dispose();
  };
  const runByLayer = (): void => {
    model
      .watch(images, ({ name, milliseconds }) => {
        const times = byLayer.get(name);
        if (times) times.push(milliseconds);
        else byLayer.set(name, [milliseconds]);
      })
      .dispose();
  };
  // Kernels are compiled when they first run, and made faster while they do.
  await forSeconds(seconds / 4, async () => {
    await runAsAWhole();
    runByLayer();
  });
  whole.length = 0;
  byLayer.clear();
  await forSeconds(seconds, async () => {
    await runAsAWhole();
    runByLayer();
  });

  const multiplyAdds = new Map(summary(model).layers.map((layer) => [layer.name, layer.binaryMultiplyAdds]));
  const medians = [...byLayer].map(([name, times]) => ({ name, milliseconds: median(times) }));
  const sum = medians.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const milliseconds = median(whole);
  return {
    runs: whole.length,
    milliseconds,
    imagesPerSecond: (1000 * batch) / milliseconds,
    layers: medians.map((layer) => {
      const binaryMultiplyAdds = batch * (multiplyAdds.get(layer.name) ?? 0);
      return {
        ...layer,
        share: layer.milliseconds / sum,
        binaryMultiplyAdds,
        binaryMultiplyAddsPerSecond: (1000 * binaryMultiplyAdds) / layer.milliseconds,
      };
    }),
  };
}

/** At least three times. */
async function forSeconds(seconds: number, run: () => Promise<void>): Promise<void> {
  const end = performance.now() + 1000 * seconds;
  for (let times = 0; times < 3 || performance.now() < end; times++) await run();
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

function format({ layers, milliseconds, batch, threads, runs, imagesPerSecond }: BenchResult): string {
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
  ].join('\n');
}
