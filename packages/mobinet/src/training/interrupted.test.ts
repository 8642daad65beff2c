import { once } from 'node:events';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { memory } from '@mobinet/tensor';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Augmentation, randomCropAndFlip } from '../data/augment.js';
import { erasingDefaults } from '../data/random-erasing.js';
import { decodeCheckpoint } from './checkpoint.js';
import type { StepReport } from './epoch.js';
import { contentsOf, free, mobinetOf, sharedFolder, useOneThread } from './fixtures.test.helper.js';
import type { TrainingRun } from './run.js';
import { checkpointFile } from './run-folder.js';
import { batches, checkpointOf, metricsOf, smallRuns, stepOf, withoutRates } from './small-run.test.helper.js';
import { train } from './train.js';
import type { TrainingWithoutMemory } from './train-without-memory.test.helper.js';
import { TrainingError } from './training-error.js';

const folder = sharedFolder();
const { files, dataset, start, trainThrough } = await smallRuns(folder);
const straight = join(folder, 'straight');

useOneThread();
beforeAll(() => trainThrough(start(), straight));

describe('a run that was interrupted', () => {
  /** Where to stop: after a step, counted over the whole run, or in the validation after an epoch. */
  type Stop = { step: number } | { validation: number };

  /** Trains from the start, if given, or from the checkpoint in `out`, until `stop` or to the end; whether it finished. */
  async function trainUntil(stop: Stop | null, out: string, start?: () => TrainingRun): Promise<boolean> {
    const run = start?.() ?? decodeCheckpoint(await checkpointOf(out));
    const controller = new AbortController();
    const { finished } = await train(run, dataset, {
      out,
      workers: 1,
      signal: controller.signal,
      onStep: (report) => {
        if (stop && 'step' in stop && stop.step === stepOf(report)) controller.abort();
      },
      onValidation: ({ epoch }) => {
        if (stop && 'validation' in stop && stop.validation === epoch) controller.abort();
      },
    });
    free(run);
    return finished;
  }

  test('between two micro-batches discards the step, and ends with the same bits after resuming', async () => {
    const [straight, out] = [join(folder, 'cut'), join(folder, 'cut-and-interrupted')];
    await trainThrough(start({ microBatches: 4 }), straight);
    const run = start({ microBatches: 4 });
    const controller = new AbortController();
    // Aborts after step 2, while the loader runs, so step 3 starts and ends after its first micro-batch.
    const onStep = ({ images }: { images: number }) => {
      if (images === 20) setImmediate(() => controller.abort());
    };
    const before = memory().tensors;
    expect(await train(run, dataset, { out, workers: 1, signal: controller.signal, onStep })).toMatchObject({
      finished: false,
    });
    expect(run.progress).toMatchObject({ epoch: 0, batch: 2, images: 20 });
    expect(memory().tensors).toBe(before + run.optimizer.state.tensors.size);
    free(run);
    await trainThrough(decodeCheckpoint(await checkpointOf(out)), out);
    expect(contentsOf(await checkpointOf(out))).toEqual(contentsOf(await checkpointOf(straight)));
    expect(withoutRates(await metricsOf(out))).toEqual(withoutRates(await metricsOf(straight)));
  });

  test('in the middle of an epoch ends with the same bits with all kinds of augmentation', async () => {
    const augment: Augmentation = {
      ...randomCropAndFlip,
      crop: 'resized',
      cropScale: [0.3, 1],
      verticalFlip: true,
      rotate: 15,
      colorJitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4 },
      erase: { ...erasingDefaults, value: 'random' },
    };
    const changes = { augment, mixup: 0.4, microBatches: 2 };
    const [straight, out] = [join(folder, 'augmented'), join(folder, 'augmented-and-interrupted')];
    await trainThrough(start(changes), straight);
    expect(await trainUntil({ step: 2 }, out, () => start(changes))).toBe(false);
    expect(await trainUntil(null, out)).toBe(true);
    expect(contentsOf(await checkpointOf(out))).toEqual(contentsOf(await checkpointOf(straight)));
    expect(withoutRates(await metricsOf(out))).toEqual(withoutRates(await metricsOf(straight)));
  });

  const stops: [where: string, stops: Stop[]][] = [
    ['in the middle of an epoch', [{ step: 2 }]],
    ['at the end of an epoch', [{ step: batches }]],
    ['in a validation', [{ validation: 1 }]],
    ['again and again', [{ step: 1 }, { step: batches }, { validation: 1 }, { step: 5 }, { validation: 2 }]],
  ];

  test.each(stops)('%s ends with the same bits after resuming', async (where, interruptions) => {
    const out = join(folder, where.replaceAll(' ', '-'));
    for (const [index, stop] of interruptions.entries()) {
      expect(await trainUntil(stop, out, index === 0 ? start : undefined)).toBe(false);
    }
    expect(await trainUntil(null, out)).toBe(true);
    expect(contentsOf(await checkpointOf(out))).toEqual(contentsOf(await checkpointOf(straight)));
    expect(withoutRates(await metricsOf(out))).toEqual(withoutRates(await metricsOf(straight)));
  });
});

describe('a run that diverges', () => {
  let saved: Buffer;

  beforeAll(async () => {
    const run = start();
    const controller = new AbortController();
    const onStep = ({ epoch }: { epoch: number }) => {
      if (epoch === 2) controller.abort();
    };
    const out = join(folder, 'second-epoch');
    await train(run, dataset, { out, workers: 1, signal: controller.signal, onStep });
    saved = await checkpointOf(out);
    free(run);
  });

  /** A run in the middle of its second epoch, with its checkpoint in `out`. */
  async function interrupted(out: string): Promise<TrainingRun> {
    await mkdir(out);
    await writeFile(join(out, checkpointFile), saved);
    return decodeCheckpoint(saved);
  }

  test('stops at the first NaN loss, and keeps its last checkpoint', async () => {
    const out = join(folder, 'poisoned');
    const run = await interrupted(out);
    const before = memory();
    mobinetOf(run).classifier.weight.values[0] = Number.NaN;
    await expect(train(run, dataset, { out, workers: 1 })).rejects.toThrow(
      /^the loss became NaN in epoch 2, batch 2\. The last checkpoint is kept; try a learning rate below 0\.002\n/,
    );
    expect((await checkpointOf(out)).equals(saved)).toBe(true);
    expect(memory()).toEqual(before);
    free(run);
  });

  test('does not save weights that became NaN or infinite in the last step before a stop', async () => {
    const out = join(folder, 'poisoned-last');
    const run = await interrupted(out);
    const controller = new AbortController();
    const onStep = () => {
      mobinetOf(run).units[3].pointwise.norm.gamma.values[1] = Number.POSITIVE_INFINITY;
      controller.abort();
    };
    const again = train(run, dataset, { out, workers: 1, signal: controller.signal, onStep });
    await expect(again).rejects.toThrow(TrainingError);
    await expect(again).rejects.toThrow(/^model\.units\.3\.pointwise\.norm\.gamma contains NaN or infinite values/);
    expect((await checkpointOf(out)).equals(saved)).toBe(true);
    free(run);
  });

  test('stops if only the validation loss is NaN', async () => {
    const out = join(folder, 'poisoned-statistics');
    const run = await interrupted(out);
    const onStep = () => mobinetOf(run).stem.norm.runningMean.values.fill(Number.NaN);
    await expect(train(run, dataset, { out, workers: 1, onStep })).rejects.toThrow(
      /^the validation loss became NaN after epoch 2/,
    );
    expect((await checkpointOf(out)).equals(saved)).toBe(true);
    free(run);
  });

  test('fails with a TrainingError, as with an excessive learning rate', async () => {
    const run = start({ learningRate: 1e30, schedule: 'constant' });
    await expect(train(run, dataset, { out: join(folder, 'huge'), workers: 1 })).rejects.toThrow(TrainingError);
    free(run);
  });
});

describe('a run that fails for another reason', () => {
  /** Trains with a checkpoint every `minutes` minutes, and fails after step `step` of the run. Returns the error. */
  async function failing(out: string, step: number, minutes: number, onFailure = () => {}): Promise<unknown> {
    const run = start();
    const onStep = (report: StepReport) => {
      if (stepOf(report) !== step) return;
      onFailure();
      throw new RangeError('the ice is thin.');
    };
    const failed = train(run, dataset, { out, workers: 1, checkpointMinutes: minutes, onStep });
    const error = await failed.then(
      () => null,
      (error: unknown) => error,
    );
    free(run);
    return error;
  }

  test.each([1, 2, 5])('is saved, and ends with the same bits after resuming: after %i steps', async (step) => {
    const out = join(folder, `failed-${step}`);
    const before = memory();
    const error = await failing(out, step, 10);
    expect(error).toBeInstanceOf(TrainingError);
    expect((error as TrainingError).cause).toBeInstanceOf(RangeError);
    expect((error as TrainingError).message).toBe(
      `the ice is thin. The run was saved after its last step. Resume it with --resume ${out}`,
    );
    expect(memory()).toEqual(before);
    await trainThrough(decodeCheckpoint(await checkpointOf(out)), out);
    expect(contentsOf(await checkpointOf(out))).toEqual(contentsOf(await checkpointOf(straight)));
  });

  test('can be resumed once missing images are back', async () => {
    const out = join(folder, 'vanished');
    const [here, away] = ['val', 'away'].map((name) => join(folder, 'images', name));
    const run = start();
    const onStep = () => {
      if (existsSync(here)) renameSync(here, away);
    };
    const failed = train(run, files, { out, workers: 1, onStep });
    await expect(failed).rejects.toThrow(TrainingError);
    await expect(failed).rejects.toThrow(
      /^cannot read .*\.png: ENOENT: .*\. Restore the file \(is its disk mounted\?\)\. The run was saved after its last step\. Resume it with --resume /,
    );
    free(run);
    renameSync(away, here);
    await trainThrough(decodeCheckpoint(await checkpointOf(out)), out, { images: files });
    expect(contentsOf(await checkpointOf(out))).toEqual(contentsOf(await checkpointOf(straight)));
  });

  test('is saved even if its folder was deleted', async () => {
    const out = join(folder, 'no-folder');
    const removeFolder = () => rmSync(out, { recursive: true });
    expect(await failing(out, 2, 10, removeFolder)).toMatchObject({
      message: `the ice is thin. The run was saved after its last step. Resume it with --resume ${out}`,
    });
    const saved = decodeCheckpoint(await checkpointOf(out));
    expect(saved.progress).toMatchObject({ epoch: 0, batch: 2 });
    free(saved);
  });

  test('reports why it cannot be saved, and what is lost', async () => {
    const out = join(folder, 'file-in-place-of-folder');
    const replaceFolder = () => {
      rmSync(out, { recursive: true });
      writeFileSync(out, '');
    };
    expect(await failing(out, 2, 10, replaceFolder)).toMatchObject({
      message:
        `the ice is thin. cannot write ${join(out, checkpointFile)}: ${out} is not a folder. Choose another. ` +
        'Lost 2 steps since the start',
    });
  });

  test('has a checkpoint no older than requested', async () => {
    const out = join(folder, 'every-step');
    // Every step is saved, so nothing is left to save.
    expect(await failing(out, 2, 0)).toMatchObject({
      message: `the ice is thin. The run was saved after its last step. Resume it with --resume ${out}`,
    });
    const saved = decodeCheckpoint(await checkpointOf(out));
    expect(saved.progress).toMatchObject({ epoch: 0, batch: 2 });
    free(saved);
  });
});

describe('a run that does not fit into memory', () => {
  test('reports what fits, and leaks no tensors', async () => {
    const workerData: TrainingWithoutMemory = { images: join(folder, 'images'), out: join(folder, 'no-memory') };
    const worker = new Worker(new URL('./train-without-memory.test.helper.js', import.meta.url), { workerData });
    const [{ message, before, after }] = await once(worker, 'message');
    await worker.terminate();
    expect(message).toMatch(
      /^out of memory with 24 images at a time: .* requested .* while \d+ live tensors hold .*\. Use --micro-batches 2 \(12 at a time\), or a smaller --batch$/,
    );
    expect(after).toEqual(before);
  });
});
