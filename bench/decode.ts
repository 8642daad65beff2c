import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dispose, Rng } from '@mobinet/tensor';
import { Command } from 'commander';
import { decodeImage, findDecoder, ImageLoader, saveFile } from 'mobinet';
import { jsonFlag, printJson, printResult, runProgram, wholeNumber } from 'mobinet/cli';
import { resize, resizeShorterSide } from 'mobinet/kernels';
import sharp from 'sharp';
import { machine } from './machine.js';
import { median } from './median.js';

interface Flags {
  images: number;
  rounds: number;
  json?: boolean;
}

/** Pictures of one size, and the shorter side that they are scaled to. */
interface Case {
  readonly height: number;
  readonly width: number;
  readonly side: number;
  readonly files: readonly string[];
}

const program = new Command('bench:decode')
  .description(
    `times decoding JPEGs and scaling them: images of 500×375 pixels, as in ImageNet, and photos of 12 megapixels, in
images per second of CPU time. torchvision takes part if Debian's package is installed: apt install python3-torchvision`,
  )
  .option('--images <number>', 'number of distinct pictures of 500×375', wholeNumber(1), 40)
  .option('--rounds <number>', 'how often each contender is timed', wholeNumber(1), 5)
  .option(...jsonFlag)
  .action(run);

async function run({ images, rounds, json }: Flags): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'mobinet-bench-'));
  try {
    const small = await savePictures(folder, 375, 500, images);
    const photos = await savePictures(folder, 3000, 4000, 2);
    const cases: readonly Case[] = [
      { height: 375, width: 500, side: 256, files: small },
      { height: 3000, width: 4000, side: 256, files: photos },
      { height: 3000, width: 4000, side: 72, files: photos },
    ];
    const results = [];
    for (const each of cases) results.push(await compare(each, rounds));
    const loading = await timeLoaders(small, [1, 2]);
    const { name: decoder } = await findDecoder();
    if (json) return printJson({ decoder, results, loading, ...machine() });
    printResult(`images per second of CPU time, ${decoder}`);
    for (const { title, rates } of results) {
      printResult(title);
      for (const [contender, { fastest, middle }] of Object.entries(rates))
        printResult(`  ${contender.padEnd(24)} fastest ${number(fastest)}, median ${number(middle)}`);
    }
    printResult('the loader alone, from files of 500×375 to batches of 224×224, images per second');
    for (const { workers, images, cpu } of loading)
      printResult(`  ${`workers: ${workers}`.padEnd(24)} ${number(images)}, ${number(cpu)} per CPU second`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const number = (rate: number): string => rate.toFixed(rate < 100 ? 1 : 0).padStart(6);

/** Times the contenders in turns, so that a temporary slowdown of the machine affects all of them. */
async function compare({ height, width, side, files }: Case, rounds: number) {
  const limits = { pixelLimit: 1e8 };
  const passes: Record<string, () => Promise<number | null>> = {
    ours: passOver(files, async (bytes) => resizeShorterSide(await decodeImage(bytes, { ...limits, side }), side)),
    'ours, from all pixels': passOver(files, async (bytes) =>
      resizeShorterSide(await decodeImage(bytes, limits), side),
    ),
    torchvision: async () => timeTorchvision(files, side),
  };
  const seconds = new Map<string, number[]>();
  // The first round is not counted: it compiles the functions.
  for (let round = 0; round <= rounds; round++) {
    for (const [name, pass] of Object.entries(passes)) {
      const taken = await pass();
      if (round > 0 && taken !== null) seconds.set(name, [...(seconds.get(name) ?? []), taken]);
    }
  }
  const rates = [...seconds].map(([name, taken]) => [
    name,
    { fastest: files.length / Math.min(...taken), middle: files.length / median(taken) },
  ]);
  return {
    title: `${width}×${height} to a shorter side of ${side}`,
    rates: Object.fromEntries(rates) as Record<string, { fastest: number; middle: number }>,
  };
}

/** Returns a function that measures the CPU seconds of one pass over the files. */
const passOver = (files: readonly string[], process: (bytes: Buffer) => Promise<unknown>) => async () => {
  const before = cpuSeconds();
  for (const file of files) await process(readFileSync(file));
  return cpuSeconds() - before;
};

/** The CPU seconds of torchvision, or null if it is not installed. */
function timeTorchvision(files: readonly string[], side: number): number | null {
  try {
    const script = join(import.meta.dirname, 'peers', 'torchvision_decode.py');
    // The first python3 in PATH may be another one than Debian's.
    const text = execFileSync('/usr/bin/python3', [script, '--side', String(side), ...files], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return JSON.parse(text.toString()).seconds;
  } catch {
    return null;
  }
}

interface LoaderRate {
  readonly workers: number;
  /** Images per second of wall-clock time. */
  readonly images: number;
  /** Images per second of CPU time, over all threads. */
  readonly cpu: number;
}

/** Times the loader from files to batches, without its cache. */
async function timeLoaders(files: readonly string[], workerCounts: readonly number[]): Promise<LoaderRate[]> {
  const length = 10 * files.length;
  const source = { length, label: () => 0, name: String, image: (index: number) => files[index % files.length] };
  const results: LoaderRate[] = [];
  for (const workers of workerCounts) {
    const options = { batchSize: 32, size: 224, resize: 256, rng: Rng.fromSeed(0), cacheBytes: 0, workers };
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
}

async function savePictures(folder: string, height: number, width: number, count: number): Promise<string[]> {
  const files = Array.from({ length: count }, (_, seed) => join(folder, `${width}×${height}-${seed}.jpg`));
  for (const [seed, file] of files.entries()) await saveFile(file, await makePicture(height, width, seed));
  return files;
}

/** Noise at many scales, weaker at finer ones, as in photos. */
function makePicture(height: number, width: number, seed: number): Promise<Buffer> {
  const rng = Rng.fromSeed(seed);
  const sums = new Float32Array(3 * height * width).fill(128);
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
