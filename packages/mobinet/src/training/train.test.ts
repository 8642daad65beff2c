import { rmSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { memory } from '@mobinet/tensor';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { decodeCheckpoint } from './checkpoint.js';
import { contentsOf, free, sharedFolder, useOneThread } from './fixtures.test.helper.js';
import { makeSchedule } from './options.js';
import { type EpochMetrics, startOfEpoch, type TrainingRun } from './run.js';
import { bestFile, checkpointFile } from './run-folder.js';
import { signChanges, signsOf } from './signs.js';
import { batches, checkpointOf, images, metricsOf, smallRuns, withoutRates } from './small-run.test.helper.js';
import { train } from './train.js';

const folder = sharedFolder();
const { files, dataset, start, trainThrough } = await smallRuns(folder);
const straight = join(folder, 'straight');

useOneThread();
beforeAll(() => trainThrough(start(), straight));

describe('train', () => {
  test('writes a line of metrics for each epoch', async () => {
    const history = await metricsOf(straight);
    expect(history.map(({ epoch }) => epoch)).toEqual([1, 2]);
    for (const metrics of history) {
      expect(Object.keys(metrics)).toEqual([
        'epoch',
        'trainLoss',
        'valLoss',
        'trainCrossEntropy',
        'trainTop1',
        'top1',
        'top5',
        'learningRate',
        'imagesPerSecond',
        'seconds',
        'signs',
      ]);
      const { top5, signs, ...numbers } = metrics;
      expect(Object.values(numbers).every(Number.isFinite)).toBe(true);
      // With only three classes, every image would count.
      expect(top5).toBeNull();
      // A percentage of 12 images.
      expect((metrics.top1 / 100) * 12).toBeCloseTo(Math.round((metrics.top1 / 100) * 12), 9);
      expect(metrics.imagesPerSecond).toBeGreaterThan(0);
      // A percentage of the training images.
      expect((numbers.trainTop1! / 100) * images).toBeCloseTo(Math.round((numbers.trainTop1! / 100) * images), 9);
      // Without label smoothing, both losses are the same.
      expect(numbers.trainCrossEntropy).toBeCloseTo(numbers.trainLoss, 6);
      // The time includes the validation.
      expect(metrics.seconds).toBeGreaterThan(images / metrics.imagesPerSecond);
    }
  });

  test('records the loss without label smoothing beside the one it minimizes', async () => {
    const out = join(folder, 'smoothed');
    await trainThrough(start({ labelSmoothing: 0.5, epochs: 1 }), out);
    const [plain] = await metricsOf(straight);
    const [smoothed] = await metricsOf(out);
    expect(smoothed.trainLoss).not.toBeCloseTo(smoothed.trainCrossEntropy!, 3);
    expect(plain.trainLoss).toBeCloseTo(plain.trainCrossEntropy!, 6);
  });

  test('records how many signs of each binary layer changed in each epoch', async () => {
    const run = start({ learningRate: 0.05 });
    const initial = await signsOf(run.model);
    const seen = [initial];
    await train(run, dataset, {
      out: join(folder, 'signs'),
      workers: 1,
      onEpoch: async () => seen.push(await signsOf(run.model)),
    });
    for (const [at, { signs }] of run.history.entries()) {
      expect(signs).toEqual(signChanges(run.model, seen[at], seen[at + 1]));
    }
    const flips = Object.values(run.history[0].signs!).reduce((sum, { flipped }) => sum + flipped!, 0);
    expect(flips).toBeGreaterThan(0);
    free(run);
  });

  test('reports its progress, and leaves no tensors except those of the run', async () => {
    const before = memory();
    const run = start();
    const own = run.model.parameters().size;
    const withModel = memory().tensors;
    const seen: string[] = [];
    const epochs: EpochMetrics[] = [];
    await train(run, dataset, {
      out: join(folder, 'reports'),
      workers: 1,
      onStep: ({ epoch, epochs, images, imagesPerEpoch, loss, secondsPerEpoch, secondsLeft }) => {
        expect(loss).toBeGreaterThan(0);
        // The pace is known after the second step.
        expect(secondsLeft === null).toBe(epoch === 1 && images === 10);
        if (secondsLeft !== null) expect(secondsLeft).toBeLessThan((epochs - epoch + 1) * secondsPerEpoch!);
        seen.push(`step ${epoch}/${epochs} ${images}/${imagesPerEpoch}`);
      },
      onValidation: ({ epoch, epochs, images, imagesPerEpoch }) =>
        seen.push(`validation ${epoch}/${epochs} ${images}/${imagesPerEpoch}`),
      onEpoch: (metrics) => epochs.push(metrics),
    });
    const steps = [10, 20, 24];
    expect(seen).toEqual(
      [1, 2].flatMap((epoch) => [
        ...steps.map((done) => `step ${epoch}/2 ${done}/${images}`),
        ...[10, 12].map((done) => `validation ${epoch}/2 ${done}/12`),
      ]),
    );
    expect(epochs).toEqual(run.history);
    // Adam has two moments for each parameter.
    expect(memory().tensors).toBe(withModel + 2 * own);
    free(run);
    expect(memory()).toEqual(before);
  });

  test.each([1, 3])(
    'gives the same bits for the same seed, also from files, with %i decoding threads',
    async (workers) => {
      const out = join(folder, `workers-${workers}`);
      await trainThrough(start(), out, { workers, images: files });
      expect(contentsOf(await checkpointOf(out))).toEqual(contentsOf(await checkpointOf(straight)));
      expect(withoutRates(await metricsOf(out))).toEqual(withoutRates(await metricsOf(straight)));
    },
  );

  test('decodes the images of both splits with the same threads', async () => {
    let started = 0;
    const count = (): void => void started++;
    process.on('worker', count);
    onTestFinished(() => void process.off('worker', count));
    await trainThrough(start(), join(folder, 'threads'), { workers: 2, images: files });
    expect(started).toBe(2);
  });

  test('gives another result for another seed', async () => {
    const out = join(folder, 'seed');
    await trainThrough(start({ seed: 1 }), out);
    expect(withoutRates(await metricsOf(out))).not.toEqual(withoutRates(await metricsOf(straight)));
  });

  test('leaves a finished run unchanged', async () => {
    const before = await checkpointOf(straight);
    const run = decodeCheckpoint(before);
    expect(await train(run, dataset, { out: straight, workers: 1 })).toEqual({ finished: true, skippedImages: 0 });
    expect((await checkpointOf(straight)).equals(before)).toBe(true);
    free(run);
  });
});

test('a run records its image decoder, and warns once if it changes', async () => {
  const run = decodeCheckpoint(await checkpointOf(straight));
  const out = join(folder, 'decoder');
  await train(run, files, { out, workers: 1 });
  expect(run.decoder).toMatch(/^sharp \d/);
  const [now, warnings]: [string | undefined, string[]] = [run.decoder, []];
  run.decoder = 'get-pixels 3.3.3';
  for (let again = 0; again < 2; again++) {
    await train(run, files, { out, workers: 1, onWarning: (message) => warnings.push(message) });
  }
  expect(warnings).toEqual([
    `images are now decoded by ${now}, not by get-pixels 3.3.3 as before: their pixels may differ slightly`,
  ]);
  free(run);
});

describe('the best epoch', () => {
  /** Trains a run after whose first epoch the metrics are replaced by perfect ones. */
  async function trainWithGoodStart(out: string, patience: number, epochs: number): Promise<TrainingRun> {
    const run = start({ epochs, patience });
    const onEpoch = ({ epoch }: EpochMetrics) => {
      if (epoch === 1) run.history[0] = { ...run.history[0], top1: 100, valLoss: 0 };
    };
    expect(await train(run, dataset, { out, workers: 1, onEpoch })).toMatchObject({ finished: true });
    return run;
  }

  test('has its own checkpoint, which later epochs do not change', async () => {
    const out = join(folder, 'best');
    const run = await trainWithGoodStart(out, 0, 2);
    const best = decodeCheckpoint(await readFile(join(out, bestFile)));
    expect(best.progress).toEqual(startOfEpoch(1));
    const last = decodeCheckpoint(await checkpointOf(out));
    expect(last.progress).toEqual(startOfEpoch(2));
    free(last);
    free(best);
    free(run);
  });

  test('gets its checkpoint on resuming if the run was killed before it was written', async () => {
    const out = join(folder, 'killed-before-best');
    await trainThrough(start({ epochs: 1 }), out);
    rmSync(join(out, bestFile));
    await trainThrough(decodeCheckpoint(await checkpointOf(out)), out);
    expect((await readFile(join(out, bestFile))).equals(await checkpointOf(out))).toBe(true);
  });

  test('ends a run once it is longer ago than the patience, and more patience resumes the run', async () => {
    const out = join(folder, 'patience');
    const run = await trainWithGoodStart(out, 2, 9);
    expect(run.progress.epoch).toBe(3);
    free(run);
    const saved = decodeCheckpoint(await checkpointOf(out));
    expect(await train(saved, dataset, { out, workers: 1 })).toMatchObject({ finished: true });
    expect(saved.progress.epoch).toBe(3);
    const longer = { ...saved, training: { ...saved.training, patience: 3 } };
    expect(await train(longer, dataset, { out, workers: 1 })).toMatchObject({ finished: true });
    expect(longer.history.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
    free(saved);
  });
});

describe('a finished run', () => {
  test('resumes for more epochs, with the learning rate of the longer schedule', async () => {
    const out = join(folder, 'longer');
    await mkdir(out);
    await writeFile(join(out, checkpointFile), await checkpointOf(straight));
    const run = decodeCheckpoint(await checkpointOf(straight));
    const before = [...run.history];
    const longer = { ...run, training: { ...run.training, epochs: 3 } };
    await train(longer, dataset, { out, workers: 1 });
    expect(longer.history.slice(0, 2)).toEqual(before);
    expect(longer.optimizer.step).toBe(3 * batches);
    // The last step has the learning rate of step 9 of 9.
    const last = makeSchedule(longer.training, 3 * batches)(3 * batches - 1);
    expect(longer.history[2]).toMatchObject({ epoch: 3, learningRate: last });
    const saved = decodeCheckpoint(await checkpointOf(out));
    expect(saved.training.epochs).toBe(3);
    free(saved);
    free(run);
  });
});
