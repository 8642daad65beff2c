import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Rng } from '@mobinet/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openImageFolder } from '../data/image-folder.js';
import type { ImageDataset } from '../data/source.js';
import { packModel } from '../export/pack.js';
import { faultyFileSystem } from '../files/faulty.test.helper.js';
import { lockFolder } from '../files/lock-folder.js';
import { saveFile } from '../files/save-file.js';
import { decodeCheckpoint } from './checkpoint.js';
import { contentsOf, copyImages, free, sharedFolder, useOneThread } from './fixtures.test.helper.js';
import { inMemory } from './in-memory.test.helper.js';
import { paperTraining, type TrainingOptions } from './options.js';
import { newRun, type TrainingRun } from './run.js';
import { bestFile, checkpointFile, metricsFile } from './run-folder.js';
import { type TrainOptions, train } from './train.js';

// Full disks and killed processes must not cost any saved step.

const folder = sharedFolder();
const points = Array.from({ length: 20 }, (_, i) => i);
/** Batches per epoch. */
const batches = 8;
const training: TrainingOptions = {
  ...paperTraining,
  epochs: 4,
  batchSize: 3,
  learningRate: 2e-3,
  resize: 32,
  augment: { ...paperTraining.augment, padding: 2 },
};

let dataset: ImageDataset;
/** The size of a checkpoint with optimizer state, in bytes. */
let size: number;

const start = (seed = 0): TrainingRun =>
  newRun(
    { width: 0.0625, k: 1, imageSize: 32 },
    { ...training, seed },
    { classes: dataset.classes, trainImages: dataset.train.length },
  );

const checkpointIn = (out: string): Buffer => readFileSync(join(out, checkpointFile));

/** The steps of the saved run, or 0. Throws unless its checkpoints are intact and there are no unknown files. */
function savedSteps(out: string): number {
  const known = [checkpointFile, bestFile, metricsFile];
  expect(readdirSync(out).filter((name) => !known.includes(name))).toEqual([]);
  if (existsSync(join(out, bestFile))) free(decodeCheckpoint(readFileSync(join(out, bestFile))));
  if (!existsSync(join(out, checkpointFile))) return 0;
  const run = decodeCheckpoint(checkpointIn(out));
  const steps = run.optimizer.step;
  expect(run.progress.epoch * batches + run.progress.batch).toBe(steps);
  free(run);
  return steps;
}

/** Resumes the run in `out`, or starts one, and saves it after each step. @returns The error that ended it, if any. */
async function trainOn(out: string, options: Partial<TrainOptions> = {}): Promise<Error | null> {
  const run = existsSync(join(out, checkpointFile)) ? decodeCheckpoint(checkpointIn(out)) : start();
  const ended = train(run, dataset, { out, workers: 1, checkpointMinutes: 0, ...options });
  const error = await ended.then(
    () => null,
    (error: Error) => error,
  );
  free(run);
  return error;
}

const straight = join(folder, 'straight');

useOneThread();
beforeAll(async () => {
  dataset = await inMemory(openImageFolder(copyImages(join(folder, 'images'))));
  expect(await trainOn(straight)).toBeNull();
  size = checkpointIn(straight).length;
});

describe('a disk that fills up', () => {
  test('at 20 points of a run ends it with a one-line error each time; resumed, it ends with the same bits', async () => {
    const out = join(folder, 'full');
    let steps = 0;
    for (const point of points) {
      // There is room for the next checkpoint and for a part of the one after it. At the start of an epoch there is
      // room for one more, in case the end of the previous epoch is not saved yet.
      const whole = steps % batches === 0 ? 2 : 1;
      const room = Math.round(size * (whole + 0.05 + (0.9 * point) / points.length));
      const files = faultyFileSystem({ room, longestWrite: point % 2 === 0 ? 50_000 : Infinity });
      const onStep = ({ epoch, images }: { epoch: number; images: number }) => {
        steps = (epoch - 1) * batches + Math.ceil(images / training.batchSize);
      };
      const error = await trainOn(out, { files, onStep });
      // At the end of an epoch, its last step is saved already.
      expect(error?.message).toMatch(
        /^no space left for .*checkpoint\.safetensors: it needs [\d,]+ bytes, and [\d,]+ bytes are free\. .* (Lost 1 step since the (start|last checkpoint)|The run was saved after its last step\. .*)$/,
      );
      expect(savedSteps(out)).toBe(steps);
    }
    expect(steps).toBeGreaterThan(10);
    expect(await trainOn(out)).toBeNull();
    expect(contentsOf(checkpointIn(out))).toEqual(contentsOf(checkpointIn(straight)));
  }, 240_000);

  test('before the first checkpoint leaves no file and no folder', async () => {
    const out = join(folder, 'full-at-once');
    const error = await trainOn(out, { files: faultyFileSystem({ room: 1000 }) });
    expect(error?.message).toMatch(/Lost 1 step since the start$/);
    expect(existsSync(out)).toBe(false);
  });

  test('between a checkpoint and its metrics is repaired on resuming', async () => {
    const out = join(folder, 'late-metrics');
    const controller = new AbortController();
    const signal = controller.signal;
    await trainOn(out, { signal, onStep: ({ epoch }) => epoch === 2 && controller.abort() });
    const metrics = readFileSync(join(out, metricsFile), 'utf8');
    expect(metrics.split('\n')).toHaveLength(2);
    rmSync(join(out, metricsFile));
    const again = new AbortController();
    again.abort();
    await trainOn(out, { signal: again.signal });
    expect(readFileSync(join(out, metricsFile), 'utf8')).toBe(metrics);
  });

  test('at 20 points of an export leaves the file that was there', async () => {
    const run = start();
    const bytes = packModel(run.model);
    free(run);
    const file = join(folder, 'exported');
    writeFileSync(file, 'precious');
    for (const point of points) {
      const files = faultyFileSystem({ room: Math.floor((bytes.length * point) / points.length), longestWrite: 4096 });
      await expect(saveFile(file, bytes, files)).rejects.toThrow(/^no space left for .*exported: it needs /);
      expect(readFileSync(file, 'utf8')).toBe('precious');
    }
  });
});

/** A disk of one megabyte, if this user may mount one. */
const disk = join(folder, 'disk');
mkdirSync(disk);
const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]).status === 0;
afterAll(() => {
  if (isMounted) execFileSync('umount', [disk]);
});

describe.skipIf(!isMounted)('a real disk that fills up', () => {
  test('at 20 points of an export leaves the file that was there', async () => {
    const run = start();
    const bytes = packModel(run.model);
    free(run);
    const file = join(disk, 'exported');
    const ballast = join(disk, 'ballast');
    writeFileSync(file, 'precious');
    for (const point of points) {
      const { bavail, bsize } = statfsSync(disk);
      const left = Math.floor((bytes.length * point) / points.length);
      writeFileSync(ballast, new Uint8Array(bavail * bsize - left));
      await expect(saveFile(file, bytes)).rejects.toThrow(/^no space left for .*exported: it needs /);
      expect(readFileSync(file, 'utf8')).toBe('precious');
      expect(readdirSync(disk).sort()).toEqual(['ballast', 'exported']);
      rmSync(ballast);
    }
    await saveFile(file, bytes);
    expect(readFileSync(file).equals(bytes)).toBe(true);
    rmSync(file);
  });

  test('with the second checkpoint leaves the first', async () => {
    const out = join(disk, 'run');
    writeFileSync(join(disk, 'ballast'), new Uint8Array(2 ** 20 - 1.5 * size));
    const error = await trainOn(out);
    expect(error?.message).toMatch(
      /^no space left for .*checkpoint\.safetensors.*Lost 1 step since the last checkpoint$/,
    );
    expect(savedSteps(out)).toBe(1);
    rmSync(join(disk, 'ballast'));
    const controller = new AbortController();
    expect(await trainOn(out, { signal: controller.signal, onStep: () => controller.abort() })).toBeNull();
    expect(savedSteps(out)).toBe(2);
  });
});

describe('a process that saves a file again and again', () => {
  const bytes = 4_000_000;
  const file = join(folder, 'versions', 'file');
  const program = `
    import { dirname } from 'node:path';
    import { lockFolder } from ${JSON.stringify(new URL('../files/lock-folder.js', import.meta.url))};
    import { saveFile } from ${JSON.stringify(new URL('../files/save-file.js', import.meta.url))};
    const [file, first] = process.argv.slice(1);
    await lockFolder(dirname(file));
    for (let version = Number(first); ; version++) {
      await saveFile(file, new Uint8Array(${bytes}).fill(version));
      console.log(version);
    }`;

  test('leaves an intact file, no older than it reported, when killed at 40 random times', async () => {
    mkdirSync(join(folder, 'versions'));
    const random = Rng.fromSeed(Date.now());
    let last = 0;
    for (let kill = 0; kill < 40; kill++) {
      const args = ['--input-type=module', '-e', program, file, String(last + 1)];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const delay = 60 * random.split(kill).uniform([1]).values[0];
      for await (const line of createInterface(child.stdout)) {
        if (Number(line) === last + 1) setTimeout(() => child.kill('SIGKILL'), delay);
        last = Number(line);
      }
      const content = readFileSync(file);
      const version = content[0];
      const message = `kill ${kill}, ${delay} ms after the first file`;
      expect([last % 256, (last + 1) % 256], message).toContain(version);
      expect(content.equals(Buffer.alloc(bytes, version)), message).toBe(true);
      if (version !== last % 256) last++;
    }
    (await lockFolder(join(folder, 'versions'))).release();
    await saveFile(file, 'the end');
    expect(readdirSync(join(folder, 'versions'))).toEqual(['file']);
  }, 240_000);
});

describe('killed runs', () => {
  const seeds = [0, 1, 2, 3];
  /** Each kill hits all four runs, 40 in total. */
  const kills = 10;
  const outOf = (seed: number): string => join(folder, `killed-${seed}`);

  /** Trains or resumes all runs together, and prints each step that is saved. */
  const program = `
    import { existsSync, readFileSync } from 'node:fs';
    import { setThreads } from ${JSON.stringify(import.meta.resolve('@mobinet/tensor'))};
    import { decodeCheckpoint, newRun, openImageFolder, train } from ${JSON.stringify(new URL('../index.js', import.meta.url))};
    import { inMemory } from ${JSON.stringify(new URL('./in-memory.test.helper.js', import.meta.url))};
    const { images, training, runs } = JSON.parse(process.argv[2]);
    await setThreads(1);
    const dataset = await inMemory(openImageFolder(images));
    await Promise.all(runs.map(async ({ seed, out }) => {
      const file = out + '/${checkpointFile}';
      const run = existsSync(file) ? decodeCheckpoint(readFileSync(file)) : newRun(
        { width: 0.0625, k: 1, imageSize: 32 }, { ...training, seed }, { classes: dataset.classes, trainImages: dataset.train.length });
      const onStep = () => console.log(seed, run.optimizer.step);
      await train(run, dataset, { out, workers: 1, checkpointMinutes: 0, onStep });
    }));
    console.log('end');`;

  test(`lose no saved step at ${kills} random times, ${seeds.length} together, and end with the same bits after resuming`, async () => {
    const file = join(folder, 'train.mjs');
    writeFileSync(file, program);
    const runs = seeds.map((seed) => ({ seed, out: outOf(seed) }));
    const options = JSON.stringify({ images: join(folder, 'images'), training, runs });
    const random = Rng.fromSeed(Date.now());
    const reported = new Map(seeds.map((seed) => [seed, 0]));
    for (let kill = 0; kill < kills; kill++) {
      const child = spawn(process.execPath, ['--conditions=mobinet-unbundled', file, options], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const delay = 100 * random.split(kill).uniform([1]).values[0];
      let timer: NodeJS.Timeout | undefined;
      const closed = once(child, 'close');
      for await (const line of createInterface(child.stdout)) {
        if (line === 'end') break;
        const [seed, step] = line.split(' ').map(Number);
        reported.set(seed, step);
        // All runs must have a checkpoint before the first kill.
        const allSaved = [...reported.values()].every((saved) => saved > 0);
        if (allSaved) timer ??= setTimeout(() => child.kill('SIGKILL'), delay);
      }
      await closed;
      clearTimeout(timer);
      for (const { seed, out } of runs) {
        const saved = decodeCheckpoint(checkpointIn(out));
        const message = `seed ${seed} after ${kill + 1} kills, the last ${delay} ms after the first step`;
        expect(saved.optimizer.step, message).toBeGreaterThanOrEqual(reported.get(seed)!);
        expect(saved.optimizer.step, message).toBeLessThanOrEqual(reported.get(seed)! + 1);
        reported.set(seed, saved.optimizer.step);
        free(saved);
      }
    }
    const out = outOf(0);
    expect(await trainOn(out)).toBeNull();
    // Neither locks nor temporary files of killed processes are left.
    expect(savedSteps(out)).toBe(batches * training.epochs);
    expect(contentsOf(checkpointIn(out))).toEqual(contentsOf(checkpointIn(straight)));
  }, 240_000);
});
