/**
 * Measures how a large data set is read from shards, and from a folder of the same images. `npm run bench:shards --
 * --help` explains the flags.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { machine } from '@mobinet/bench/machine';
import { dispose, Rng } from '@mobinet/tensor';
import { ImageLoader, openValidationFolder, openValidationShards, randomCropAndFlip, saveFile } from 'mobinet';
import { packTar } from 'modern-tar';
import { table } from './lib/document.js';
import { parseFlags, stop } from './lib/flags.js';
import { drawPhoto } from './lib/photo.js';
import { photoSets } from './lib/photo-sets.js';
import { shapes } from './lib/shapes.js';
import { textures } from './lib/textures.js';

const help = `Usage: npm run bench:shards -- [options]

Makes a data set by copying a few hundred drawn photos, as shards and as a folder of files, and loads it in processes of
their own: the time from the start of the process to the first batch, images per second after it, and the memory of the
process. Images are loaded as for training: shuffled, cropped and flipped, and not cached.

  --images <number>   images of the data set (default: 100000)
  --part <number>     load only this many of them (default: all)
  --data <folder>     keep the data set there, and use it if it exists (default: a temporary folder)
  --load <folder>     only load this data set, data/shards or data/files, and print JSON
  --workers <number>  decoding threads for --load (default: 1)
  --help              print this`;

const size = 112;
const resize = 128;
const distinct = 300;
const perShard = 10_000;

const flags = parseFlags({
  images: { type: 'string', default: '100000' },
  part: { type: 'string' },
  data: { type: 'string' },
  load: { type: 'string' },
  workers: { type: 'string', default: '1' },
  help: { type: 'boolean' },
});
if (flags.help) {
  console.log(help);
  process.exit(0);
}
for (const name of ['images', 'part', 'workers'] as const) {
  const value = flags[name];
  if (value !== undefined && !/^[1-9]\d*$/.test(value))
    stop(`--${name} must be a whole number of at least 1, not ${value}`);
}
const images = Number(flags.images);
const part = flags.part === undefined ? images : Math.min(images, Number(flags.part));

interface Measurement {
  /** Seconds from the start of the process to the first batch. */
  readonly firstBatch: number;
  /** CPU time of the process until then, which is less than that on a busy machine. */
  readonly firstBatchCpu: number;
  /** Images per second after it, of wall-clock time and of CPU time. */
  readonly rate: number;
  readonly cpuRate: number;
  /** Memory of the process in MiB after a quarter, a half, three quarters and all of the images. */
  readonly memory: readonly number[];
}

if (flags.load === undefined) await compare();
else console.log(JSON.stringify(await load(flags.load, Number(flags.workers))));

async function compare(): Promise<void> {
  const folder = flags.data ?? mkdtempSync(join(tmpdir(), 'mobinet-shards-'));
  try {
    const sources = { shards: join(folder, 'shards'), files: join(folder, 'files') };
    if (!existsSync(sources.files)) await makeData(sources);
    const rows = [];
    for (const [name, path] of Object.entries(sources)) {
      for (const workers of ['1', '2']) {
        const args = ['--images', flags.images, '--part', String(part), '--load', path, '--workers', workers];
        const output = execFileSync(process.execPath, [fileURLToPath(import.meta.url), ...args], { encoding: 'utf8' });
        const { firstBatch, firstBatchCpu, rate, cpuRate, memory }: Measurement = JSON.parse(output);
        rows.push([
          name,
          workers,
          firstBatch.toFixed(2),
          firstBatchCpu.toFixed(2),
          rate.toFixed(0),
          cpuRate.toFixed(0),
          memory.join(', '),
        ]);
      }
    }
    const { cpu, processors, node } = machine();
    console.log(`${part} of ${images} images, ${cpu}, ${processors} processors, ${node}\n`);
    const head = [
      'from',
      'threads',
      'first batch (s)',
      'CPU time (s)',
      'images/s',
      'images per CPU second',
      'memory (MiB)',
    ];
    console.log(table(head, rows));
  } finally {
    if (flags.data === undefined) rmSync(folder, { recursive: true });
  }
}

async function makeData({ shards, files }: { shards: string; files: string }): Promise<void> {
  const jpegs = await drawJpegs();
  const bytes = Math.round(Buffer.concat(jpegs).length / distinct);
  console.error(`${distinct} JPEGs of ${bytes} bytes on average`);
  await writeShards(shards, jpegs);
  writeFiles(files, jpegs);
}

async function load(path: string, workers: number): Promise<Measurement> {
  const open = path.endsWith('shards') ? openValidationShards : openValidationFolder;
  const { val } = await open(path, { onWarning: () => {} });
  const options = { batchSize: 64, size, resize, shuffle: true, augment: randomCropAndFlip, cacheBytes: 0, workers };
  const loader = new ImageLoader(val, { ...options, rng: Rng.fromSeed(1) });
  let [firstBatch, cpu, loaded, first] = [0, 0, 0, 0];
  const memory: number[] = [];
  for await (const batch of loader.epoch(0)) {
    loaded += batch.count;
    // The clock of performance starts with the process.
    if (first === 0) [first, firstBatch, cpu] = [loaded, performance.now() / 1000, cpuSeconds()];
    dispose(batch);
    if (loaded >= ((memory.length + 1) * part) / 4) memory.push(Math.round(process.memoryUsage.rss() / 2 ** 20));
    if (loaded >= part) break;
  }
  const seconds = performance.now() / 1000 - firstBatch;
  const cpuUsed = cpuSeconds() - cpu;
  await loader.close();
  return {
    firstBatch,
    firstBatchCpu: cpu,
    rate: (loaded - first) / seconds,
    cpuRate: (loaded - first) / cpuUsed,
    memory,
  };
}

/** Draws photos whose shorter side has `resize` pixels or a few more. */
async function drawJpegs(): Promise<Buffer[]> {
  const { default: sharp } = await import('sharp').catch(() => stop('sharp is not installed: npm install sharp'));
  const { classes } = photoSets.five;
  const jpegs: Buffer[] = [];
  for (let index = 0; index < distinct; index++) {
    const { shape, texture } = classes[index % classes.length];
    const rng = Rng.fromSeed(1).split('bench', index);
    const { width, height, pixels } = drawPhoto(rng, { shape: shapes[shape], texture: textures[texture] });
    const drawn = sharp(pixels, { raw: { width, height, channels: 3 } });
    jpegs.push(await drawn.resize(resize, resize, { fit: 'outside' }).jpeg({ quality: 90 }).toBuffer());
  }
  return jpegs;
}

function labelOf(index: number): string {
  return String((index % distinct) % photoSets.five.classes.length);
}

/** Writes shards without an index, as other programs do. The first process makes the index. */
async function writeShards(folder: string, jpegs: readonly Buffer[]): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (let from = 0; from < images; from += perShard) {
    const entries = Array.from({ length: Math.min(perShard, images - from) }, (_, i) => {
      const key = String(from + i).padStart(9, '0');
      const [jpeg, label] = [jpegs[(from + i) % distinct], labelOf(from + i)];
      return [
        { header: { name: `${key}.jpg`, size: jpeg.length }, body: jpeg },
        { header: { name: `${key}.cls`, size: label.length }, body: label },
      ];
    });
    await saveFile(join(folder, `${String(from / perShard).padStart(6, '0')}.tar`), await packTar(entries.flat()));
  }
  const start = performance.now();
  await openValidationShards(folder, { onWarning: () => {} });
  console.error(`the index was made in ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

function writeFiles(folder: string, jpegs: readonly Buffer[]): void {
  for (const label of photoSets.five.classes.keys()) mkdirSync(join(folder, String(label)), { recursive: true });
  for (let index = 0; index < images; index++) {
    writeFileSync(join(folder, labelOf(index), `${String(index).padStart(9, '0')}.jpg`), jpegs[index % distinct]);
  }
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
