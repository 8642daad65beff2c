import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dispose, Rng } from '@mobinet/tensor';
import { Command } from 'commander';
import { decodeImage, findDecoder, ImageLoader, saveFile } from 'mobinet';
import { jsonFlag, printJson, printResult, runProgram, wholeNumber } from 'mobinet/cli';
import { resize, resizeShorterSide } from 'mobinet/kernels';
import sharp from 'sharp';
import { formerDecodeJpeg, formerResize } from './former-decoding.js';
import { machine } from './machine.js';
import { median } from './median.js';

interface Flags {
  images: number;
  rounds: number;
  json?: boolean;
}

const [height, width, side] = [375, 500, 256];
const scaledWidth = Math.floor((side * width) / height);

const program = new Command('bench:decode')
  .description(
    `times decoding JPEGs of ${width}×${height} and scaling them to ${side}: today's decoder against the former one`,
  )
  .option('--images <number>', 'number of distinct pictures', wholeNumber(1), 40)
  .option('--rounds <number>', 'how often each method is timed', wholeNumber(1), 5)
  .option(...jsonFlag)
  .action(run);

async function run({ images, rounds, json }: Flags): Promise<void> {
  const pictures = await Promise.all(Array.from({ length: images }, (_, seed) => makePicture(seed)));
  const limits = { pixelLimit: 1e8, side };
  const methods = {
    before: async (bytes: Buffer) => formerResize(await formerDecodeJpeg(bytes), side, scaledWidth),
    now: async (bytes: Buffer) => resizeShorterSide(await decodeImage(bytes, limits), side),
    'now, decoding alone': (bytes: Buffer) => decodeImage(bytes, limits),
  };
  const rates = await compare(methods, pictures, rounds);
  const loading = await timeLoaders(pictures, [1, 2]);
  const ratio = rates.now / rates.before;
  const { name } = await findDecoder();
  if (json) return printJson({ decoder: name, imagesPerCpuSecond: rates, ratio, loading, ...machine() });
  printResult(`images per second of CPU time, ${name}`);
  for (const [method, rate] of Object.entries(rates))
    printResult(`  ${method.padEnd(20)} ${rate.toFixed(0).padStart(6)}`);
  printResult(`  ${'now vs before'.padEnd(20)} ${ratio.toFixed(1).padStart(6)}×`);
  printResult('the loader alone, images per second');
  for (const { workers, images, cpu } of loading) {
    printResult(
      `  ${`workers: ${workers}`.padEnd(20)} ${images.toFixed(0).padStart(6)}, ${cpu.toFixed(0)} per CPU second`,
    );
  }
}

/** Times the methods in turns, so that a temporary slowdown of the machine affects all of them. */
async function compare<N extends string>(
  methods: Readonly<Record<N, (bytes: Buffer) => Promise<unknown>>>,
  pictures: readonly Buffer[],
  rounds: number,
): Promise<Record<N, number>> {
  const names = Object.keys(methods) as N[];
  const rates = new Map<N, number[]>(names.map((name) => [name, []]));
  // The first round is not counted: it compiles the functions.
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) {
      const before = cpuSeconds();
      for (const bytes of pictures) await methods[name](bytes);
      if (round > 0) rates.get(name)!.push(pictures.length / (cpuSeconds() - before));
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(rates.get(name)!)])) as Record<N, number>;
}

interface LoaderRate {
  readonly workers: number;
  /** Images per second of wall-clock time. */
  readonly images: number;
  /** Images per second of CPU time, over all threads. */
  readonly cpu: number;
}

/** Times the loader from files to batches, without its cache. */
async function timeLoaders(pictures: readonly Buffer[], workerCounts: readonly number[]): Promise<LoaderRate[]> {
  const folder = mkdtempSync(join(tmpdir(), 'mobinet-bench-'));
  try {
    const files = pictures.map((_, index) => join(folder, `${index}.jpg`));
    for (const [index, file] of files.entries()) await saveFile(file, pictures[index]);
    const length = 10 * files.length;
    const source = { length, label: () => 0, name: String, image: (index: number) => files[index % files.length] };
    const results: LoaderRate[] = [];
    for (const workers of workerCounts) {
      const options = { batchSize: 32, size: 224, resize: side, rng: Rng.fromSeed(0), cacheBytes: 0, workers };
      const loader = new ImageLoader(source, options);
      let images = 0;
      let [start, cpu] = [0, 0];
      for await (const batch of loader.epoch(0)) {
        // Timing starts with the second batch: the threads have started by then.
        if (start === 0) [start, cpu] = [performance.now(), cpuSeconds()];
        else images += batch.count;
        dispose(batch);
      }
      results.push({
        workers,
        images: (1000 * images) / (performance.now() - start),
        cpu: images / (cpuSeconds() - cpu),
      });
      await loader.close();
    }
    return results;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Noise at many scales, weaker at finer ones, as in photos. */
function makePicture(seed: number): Promise<Buffer> {
  const rng = Rng.fromSeed(seed);
  const sums = new Float64Array(3 * height * width).fill(128);
  for (let grain = 4; grain <= width; grain *= 2) {
    const size = { height: grain, width: grain };
    const noise = { ...size, pixels: Uint8Array.from({ length: 3 * grain * grain }, () => rng.integer(256)) };
    const { pixels } = resize(noise, height, width);
    for (let i = 0; i < sums.length; i++) sums[i] += (pixels[i] - 127.5) * (2 / Math.sqrt(grain));
  }
  const raw = { height, width, channels: 3 } as const;
  return sharp(Uint8ClampedArray.from(sums), { raw }).jpeg({ quality: 85 }).toBuffer();
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

await runProgram(program);
