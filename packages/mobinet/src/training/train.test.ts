import { once } from 'node:events';
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { memory, setThreads, threadCount } from '@mobinet/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DataError } from '../data/errors.js';
import { fingerprintOf } from '../data/fingerprint.js';
import { openImageFolder } from '../data/image-folder.js';
import type { ImageDataset } from '../data/source.js';
import { decodeCheckpoint } from './checkpoint.js';
import { contentsOf, copyImages, mobinetOf, sharedFolder } from './fixtures.test.helper.js';
import { inMemory } from './in-memory.test.helper.js';
import { makeSchedule, paperTraining, type TrainingOptions } from './options.js';
import { type EpochMetrics, newRun, startOfEpoch, type TrainingRun } from './run.js';
import { bestFile, checkpointFile, metricsFile, refuseToOverwrite } from './run-folder.js';
import { checkData, type TrainOptions, train } from './train.js';
import type { TrainingWithoutMemory } from './train-without-memory.test.helper.js';
import { TrainingError } from './training-error.js';

const folder = sharedFolder();
const images = 24;
const batches = 3;
const training: TrainingOptions = {
  ...paperTraining,
  epochs: 2,
  batchSize: 10,
  learningRate: 2e-3,
  schedule: 'one-cycle',
  resize: 32,
  augment: { ...paperTraining.augment, padding: 2 },
};

/** Images in files, and the same in memory. */
let files: ImageDataset;
let dataset: ImageDataset;

const start = (changes: Partial<TrainingOptions> = {}): TrainingRun =>
  newRun(
    { width: 0.0625, k: 1, imageSize: 32 },
    { ...training, ...changes },
    { classes: dataset.classes, trainImages: dataset.train.length },
  );

function free({ model, optimizer }: TrainingRun): void {
  model.dispose();
  optimizer.dispose();
}

const checkpointOf = (out: string): Promise<Buffer> => readFile(join(out, checkpointFile));

const metricsOf = async (out: string): Promise<EpochMetrics[]> =>
  (await readFile(join(out, metricsFile), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

const withoutRates = (history: readonly EpochMetrics[]) => history.map(({ imagesPerSecond, seconds, ...rest }) => rest);

/** Trains to the end in one go. */
async function trainThrough(
  run: TrainingRun,
  out: string,
  { images = dataset, ...options }: Partial<TrainOptions> & { images?: ImageDataset } = {},
): Promise<void> {
  expect(await train(run, images, { out, workers: 1, ...options })).toEqual({ finished: true, skippedImages: 0 });
  free(run);
}

const straight = join(folder, 'straight');

// The network is so small that threads would spend more time on waiting than on work.
const threads = threadCount();
afterAll(() => setThreads(threads));

beforeAll(async () => {
  await setThreads(1);
  files = openImageFolder(copyImages(join(folder, 'images')));
  dataset = await inMemory(files);
  await trainThrough(start(), straight);
});

describe('train', () => {
  test('writes a line of metrics for each epoch', async () => {
    const history = await metricsOf(straight);
    expect(history.map(({ epoch }) => epoch)).toEqual([1, 2]);
    for (const metrics of history) {
      expect(Object.keys(metrics)).toEqual([
        ...['epoch', 'trainLoss', 'valLoss', 'top1', 'top5', 'learningRate', 'imagesPerSecond', 'seconds'],
      ]);
      const { top5, ...numbers } = metrics;
      expect(Object.values(numbers).every(Number.isFinite)).toBe(true);
      // With three classes, all are among the five highest, which says nothing.
      expect(top5).toBeNull();
      // In percent of 12 images.
      expect((metrics.top1 / 100) * 12).toBeCloseTo(Math.round((metrics.top1 / 100) * 12), 9);
      expect(metrics.imagesPerSecond).toBeGreaterThan(0);
      // Its steps, and its validation.
      expect(metrics.seconds).toBeGreaterThan(images / metrics.imagesPerSecond);
    }
  });

  test('tells how far it is, and leaves no tensors but those of the run', async () => {
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
        // After the first step, the pace is known.
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
    // Adam's two moments of each parameter.
    expect(memory().tensors).toBe(withModel + 2 * own);
    free(run);
    expect(memory()).toEqual(before);
  });

  test.each([1, 3])(
    'the same seed gives the same bits of images in files, with %i decoding threads',
    async (workers) => {
      const out = join(folder, `workers-${workers}`);
      await trainThrough(start(), out, { workers, images: files });
      expect(contentsOf(await checkpointOf(out))).toEqual(contentsOf(await checkpointOf(straight)));
      expect(withoutRates(await metricsOf(out))).toEqual(withoutRates(await metricsOf(straight)));
    },
  );

  test('another seed gives another order of images', async () => {
    const out = join(folder, 'seed');
    await trainThrough(start({ seed: 1 }), out);
    expect(withoutRates(await metricsOf(out))).not.toEqual(withoutRates(await metricsOf(straight)));
  });

  test('a run that has ended already is left as it is', async () => {
    const before = await checkpointOf(straight);
    const run = decodeCheckpoint(before);
    expect(await train(run, dataset, { out: straight, workers: 1 })).toEqual({ finished: true, skippedImages: 0 });
    expect((await checkpointOf(straight)).equals(before)).toBe(true);
    free(run);
  });
});

test('a run knows what decoded its images, and says once if that is another now', async () => {
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
    `images are decoded by ${now} from here on, and were by get-pixels 3.3.3 before: their pixels may differ a little`,
  ]);
  free(run);
});

describe('a run that was interrupted', () => {
  /** Where to stop: after a step of the whole run, or in the validation after an epoch. */
  type Stop = { step: number } | { validation: number };

  /** Trains on from the checkpoint in `out`, if there is one, until it is told to stop. */
  async function trainUntil(stop: Stop | null, out: string, isFirst: boolean): Promise<boolean> {
    const run = isFirst ? start() : decodeCheckpoint(await checkpointOf(out));
    const controller = new AbortController();
    const { finished } = await train(run, dataset, {
      out,
      workers: 1,
      signal: controller.signal,
      onStep: ({ epoch, images }) => {
        const step = (epoch - 1) * batches + Math.ceil(images / training.batchSize);
        if (stop && 'step' in stop && stop.step === step) controller.abort();
      },
      onValidation: ({ epoch }) => {
        if (stop && 'validation' in stop && stop.validation === epoch) controller.abort();
      },
    });
    free(run);
    return finished;
  }

  test('between two micro-batches gives the step up, and ends with the bits of one that was not', async () => {
    const [straight, out] = [join(folder, 'cut'), join(folder, 'cut-and-interrupted')];
    await trainThrough(start({ microBatches: 4 }), straight);
    const run = start({ microBatches: 4 });
    const controller = new AbortController();
    // After step 2, while the loader takes its turn: so step 3 begins, and ends after its first micro-batch.
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

  const stops: [where: string, stops: Stop[]][] = [
    ['in the middle of an epoch', [{ step: 2 }]],
    ['at the end of an epoch', [{ step: batches }]],
    ['in a validation', [{ validation: 1 }]],
    ['again and again', [{ step: 1 }, { step: batches }, { validation: 1 }, { step: 5 }, { validation: 2 }]],
  ];

  test.each(stops)('%s ends with the bits of one that was not', async (where, interruptions) => {
    const out = join(folder, where.replaceAll(' ', '-'));
    for (const [index, stop] of interruptions.entries()) {
      expect(await trainUntil(stop, out, index === 0)).toBe(false);
    }
    expect(await trainUntil(null, out, false)).toBe(true);
    expect(contentsOf(await checkpointOf(out))).toEqual(contentsOf(await checkpointOf(straight)));
    expect(withoutRates(await metricsOf(out))).toEqual(withoutRates(await metricsOf(straight)));
  });
});

describe('the best epoch', () => {
  /** Trains nine epochs at most, and has the first taken for better than there can be. */
  async function trainWithGoodStart(out: string, patience: number, epochs: number): Promise<TrainingRun> {
    const run = start({ epochs, patience });
    const onEpoch = ({ epoch }: EpochMetrics) => {
      if (epoch === 1) run.history[0] = { ...run.history[0], top1: 100, valLoss: 0 };
    };
    expect(await train(run, dataset, { out, workers: 1, onEpoch })).toMatchObject({ finished: true });
    return run;
  }

  test('has a checkpoint of its own, which the others after it leave as it is', async () => {
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

  test('gets its checkpoint from whoever goes on, where the run was killed just before', async () => {
    const out = join(folder, 'killed-before-best');
    await trainThrough(start({ epochs: 1 }), out);
    rmSync(join(out, bestFile));
    await trainThrough(decodeCheckpoint(await checkpointOf(out)), out);
    expect((await readFile(join(out, bestFile))).equals(await checkpointOf(out))).toBe(true);
  });

  test('ends a run by being too long ago, and a longer patience takes it up again', async () => {
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

describe('a run that has ended', () => {
  test('goes on for more epochs, as if it had been meant to from there on', async () => {
    const out = join(folder, 'longer');
    await mkdir(out);
    await writeFile(join(out, checkpointFile), await checkpointOf(straight));
    const run = decodeCheckpoint(await checkpointOf(straight));
    const before = [...run.history];
    const longer = { ...run, training: { ...run.training, epochs: 3 } };
    await train(longer, dataset, { out, workers: 1 });
    expect(longer.history.slice(0, 2)).toEqual(before);
    expect(longer.optimizer.step).toBe(3 * batches);
    // The rate of its last step is that of the last of nine.
    const last = makeSchedule(longer.training, 3 * batches)(3 * batches - 1);
    expect(longer.history[2]).toMatchObject({ epoch: 3, learningRate: last });
    const saved = decodeCheckpoint(await checkpointOf(out));
    expect(saved.training.epochs).toBe(3);
    free(saved);
    free(run);
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

  test('stops at the first loss of NaN, and keeps its last checkpoint', async () => {
    const out = join(folder, 'poisoned');
    const run = await interrupted(out);
    const before = memory();
    mobinetOf(run).classifier.weight.values[0] = Number.NaN;
    await expect(train(run, dataset, { out, workers: 1 })).rejects.toThrow(
      /^the loss became NaN in epoch 2, batch 2\. The last checkpoint is kept; try a learning rate below 0\.002$/,
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
    await expect(again).rejects.toThrow(/^units\.3\.pointwise\.norm\.gamma holds numbers that are not finite/);
    expect((await checkpointOf(out)).equals(saved)).toBe(true);
    free(run);
  });

  test('stops where only the validation shows it', async () => {
    const out = join(folder, 'poisoned-statistics');
    const run = await interrupted(out);
    const onStep = () => mobinetOf(run).stem.norm.runningMean.values.fill(Number.NaN);
    await expect(train(run, dataset, { out, workers: 1, onStep })).rejects.toThrow(
      /^the validation loss became NaN after epoch 2/,
    );
    expect((await checkpointOf(out)).equals(saved)).toBe(true);
    free(run);
  });

  test('says so with a learning rate beyond all bounds', async () => {
    const run = start({ learningRate: 1e30, schedule: 'constant' });
    await expect(train(run, dataset, { out: join(folder, 'huge'), workers: 1 })).rejects.toThrow(TrainingError);
    free(run);
  });
});

describe('a run that something else ends', () => {
  /** Trains with checkpoints after so many minutes, until something breaks after `step` steps of the whole run. */
  async function broken(out: string, step: number, minutes: number, onBreak = () => {}): Promise<unknown> {
    const run = start();
    const onStep = ({ epoch, images }: { epoch: number; images: number }) => {
      if ((epoch - 1) * batches + Math.ceil(images / training.batchSize) !== step) return;
      onBreak();
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

  test.each([1, 2, 5])('is saved first, and ends with the bits of one that was not: after %i steps', async (step) => {
    const out = join(folder, `broken-${step}`);
    const before = memory();
    const error = await broken(out, step, 10);
    expect(error).toBeInstanceOf(TrainingError);
    expect((error as TrainingError).cause).toBeInstanceOf(RangeError);
    expect((error as TrainingError).message).toBe(
      `the ice is thin. The run is saved with its last step: continue with --resume ${out}`,
    );
    expect(memory()).toEqual(before);
    await trainThrough(decodeCheckpoint(await checkpointOf(out)), out);
    expect(contentsOf(await checkpointOf(out))).toEqual(contentsOf(await checkpointOf(straight)));
  });

  test('goes on when data that vanished are back', async () => {
    const out = join(folder, 'vanished');
    const [here, away] = ['val', 'away'].map((name) => join(folder, 'images', name));
    const run = start();
    const onStep = () => {
      if (existsSync(here)) renameSync(here, away);
    };
    const failed = train(run, files, { out, workers: 1, onStep });
    await expect(failed).rejects.toThrow(TrainingError);
    await expect(failed).rejects.toThrow(
      /^cannot read .*\.png: ENOENT: .*\. Bring the file back \(is its disk there\?\)\. The run is saved .*: continue with --resume /,
    );
    free(run);
    renameSync(away, here);
    await trainThrough(decodeCheckpoint(await checkpointOf(out)), out, { images: files });
    expect(contentsOf(await checkpointOf(out))).toEqual(contentsOf(await checkpointOf(straight)));
  });

  test('is saved to its folder even if somebody has removed that', async () => {
    const out = join(folder, 'no-folder');
    const removeFolder = () => rmSync(out, { recursive: true });
    expect(await broken(out, 2, 10, removeFolder)).toMatchObject({
      message: `the ice is thin. The run is saved with its last step: continue with --resume ${out}`,
    });
    const saved = decodeCheckpoint(await checkpointOf(out));
    expect(saved.progress).toMatchObject({ epoch: 0, batch: 2 });
    free(saved);
  });

  test('says why it cannot be saved, and what is lost', async () => {
    const out = join(folder, 'file-in-place-of-folder');
    const replaceFolder = () => {
      rmSync(out, { recursive: true });
      writeFileSync(out, '');
    };
    expect(await broken(out, 2, 10, replaceFolder)).toMatchObject({
      message:
        `the ice is thin. ${join(out, checkpointFile)} cannot be written: ${out} is no folder. Name another. ` +
        'What was done since the start is lost: 2 steps',
    });
  });

  test('has a checkpoint that is no older than was asked for', async () => {
    const out = join(folder, 'every-step');
    // Saved after the step: nothing is left to save.
    expect(await broken(out, 2, 0)).toMatchObject({
      message: `the ice is thin. The run is saved with its last step: continue with --resume ${out}`,
    });
    const saved = decodeCheckpoint(await checkpointOf(out));
    expect(saved.progress).toMatchObject({ epoch: 0, batch: 2 });
    free(saved);
  });
});

describe('a run for which there is not enough memory', () => {
  test('says what fits, and leaves no tensors behind', async () => {
    const workerData: TrainingWithoutMemory = { images: join(folder, 'images'), out: join(folder, 'no-memory') };
    const worker = new Worker(new URL('./train-without-memory.test.helper.js', import.meta.url), { workerData });
    const [{ message, before, after }] = await once(worker, 'message');
    await worker.terminate();
    expect(message).toMatch(
      /^out of memory with 24 images at a time: .* asked for .* while \d+ live tensors hold .*\. Use --micro-batches 2 \(12 at a time\), or a smaller --batch$/,
    );
    expect(after).toEqual(before);
  });
});

describe('data of another run', () => {
  test('is refused: other classes, another number of images', async () => {
    const run = start();
    const out = join(folder, 'refused');
    const others = { ...dataset, classes: ['a', 'b', 'c'] };
    await expect(train(run, others, { out })).rejects.toThrow(DataError);
    await expect(train(run, others, { out })).rejects.toThrow(
      /^the images are not of the run's classes: .*only the images are of "a", "b", "c"/,
    );
    const fewer = openImageFolder(join(folder, 'images'), { limit: 20 });
    await expect(train(run, fewer, { out })).rejects.toThrow(
      'the data has 20 training images, but the run was made for 24. Use the same --data, --limit and --val-share',
    );
    expect(() => readFileSync(join(out, checkpointFile))).toThrow(/ENOENT/);
    free(run);
  });

  test('is refused: other names and sizes; a moved folder is not, nor is a run that knows none', async () => {
    const out = join(folder, 'other-files');
    const run = start();
    const controller = new AbortController();
    await train(run, dataset, { out, workers: 1, signal: controller.signal, onStep: () => controller.abort() });
    free(run);
    const resumed = decodeCheckpoint(await checkpointOf(out));
    expect(resumed.fingerprint).toEqual(fingerprintOf(dataset));
    const moved = join(folder, 'moved');
    cpSync(join(folder, 'images'), moved, { recursive: true });
    checkData(resumed, openImageFolder(moved));

    const [first, second] = dataset.classes;
    const [file] = readdirSync(join(moved, 'train', first));
    renameSync(join(moved, 'train', first, file), join(moved, 'train', second, 'new.png'));
    expect(() => checkData(resumed, openImageFolder(moved))).toThrow(
      `the data is not what the run was made with: the class ${first} has 7 images for training, and had 8 (and 1 more `,
    );
    delete resumed.fingerprint;
    checkData(resumed, openImageFolder(moved));
    free(resumed);
  });

  test('a folder that holds a run is refused to another', async () => {
    await expect(refuseToOverwrite(straight)).rejects.toThrow(
      /checkpoint\.safetensors exists\. Continue it with --resume/,
    );
    await expect(refuseToOverwrite(folder)).resolves.toBeUndefined();
  });
});
