import { Rng } from '@mobinet/tensor';
import { classDifference } from '../data/class-names.js';
import { DataError } from '../data/errors.js';
import { differenceOf, fingerprintOf } from '../data/fingerprint.js';
import { ImageLoader } from '../data/loader.js';
import { microBatchSize } from '../data/micro-batches.js';
import type { ImageDataset } from '../data/source.js';
import type { FileSystem } from '../files/file-system.js';
import { isFinished } from './best.js';
import { type EpochOptions, finishEpoch, trainEpoch } from './epoch.js';
import { explainOutOfMemory } from './fit-memory.js';
import { noteDecoder } from './note-decoder.js';
import { type OwnFolder, ownFolder } from './own-folder.js';
import { Pace } from './pace.js';
import type { EpochMetrics, TrainingRun } from './run.js';
import { RunFolder } from './run-folder.js';

export interface TrainOptions extends EpochOptions {
  /** Folder for checkpoint.safetensors and metrics.jsonl; made where it is missing, and locked while the training lasts, or one that is owned already. */
  readonly out: string | OwnFolder;
  /** Minutes between checkpoints within an epoch. Default 10. */
  readonly checkpointMinutes?: number | undefined;
  /** Threads that decode images. No result depends on it. */
  readonly workers?: number | undefined;
  /** As that of `ImageLoader`: the share of images that may be skipped. */
  readonly maxSkipped?: number | undefined;
  readonly onEpoch?: ((metrics: EpochMetrics) => void) | undefined;
  /** Called for each image that had to be skipped. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** @internal Where the files of the run are written. */
  readonly files?: FileSystem | undefined;
}

export interface TrainResult {
  /** False where the signal ended it early: the checkpoint goes on from there. */
  readonly finished: boolean;
  readonly skippedImages: number;
}

/**
 * Trains a run to its last epoch, from wherever it is, or until its patience ends. After each epoch, every few minutes, and when the signal aborts or something goes
 * wrong, its state is saved; a run that was taken up from its checkpoint ends with the same bits as one that was never interrupted.
 *
 * @throws DataError before the first step if the folder belongs to another run, or cannot be written to.
 * @throws TrainingError if the loss became NaN or infinite; the last checkpoint is from before that. Or if something else ends the training
 * after some steps: it says what is saved of them.
 */
export async function train(run: TrainingRun, dataset: ImageDataset, options: TrainOptions): Promise<TrainResult> {
  checkData(run, dataset);
  run.fingerprint ??= fingerprintOf(dataset) ?? undefined;
  if (typeof options.out !== 'string') return trainIn(options.out, run, dataset, options);
  const folder = await ownFolder(options.out, { resumed: run.optimizer.step > 0 });
  try {
    return await trainIn(folder, run, dataset, options);
  } finally {
    await folder.close();
  }
}

async function trainIn(
  { path }: OwnFolder,
  run: TrainingRun,
  dataset: ImageDataset,
  options: TrainOptions,
): Promise<TrainResult> {
  const { onWarning, files, checkpointMinutes = 10 } = options;
  await noteDecoder(run, dataset.train, onWarning);
  const folder = await RunFolder.open(run, { out: path, minutes: checkpointMinutes, files });
  const { training, model } = run;
  const loading = {
    size: run.options.imageSize,
    rng: Rng.fromSeed(training.seed),
    resize: training.resize,
    normalization: training.normalization,
    ...(options.workers !== undefined && { workers: options.workers }),
    ...(options.maxSkipped !== undefined && { maxSkipped: options.maxSkipped }),
    ...(onWarning && { onWarning }),
  };
  const { batchSize, microBatches, augment } = training;
  const trainLoader = new ImageLoader(dataset.train, { ...loading, batchSize, microBatches, shuffle: true, augment });
  const valLoader = new ImageLoader(dataset.val, { ...loading, batchSize: microBatchSize(training) });
  const work = { run, trainLoader, valLoader, valImages: dataset.val.length, folder, pace: new Pace(), options };
  try {
    model.train();
    while (!isFinished(run)) {
      const isWhole = await trainEpoch(work);
      const metrics = isWhole ? await finishEpoch(work) : null;
      // A run that was stopped before its first step has nothing to keep.
      if (run.optimizer.step > 0) await folder.save();
      if (!metrics) return { finished: false, skippedImages: trainLoader.skipped + valLoader.skipped };
      options.onEpoch?.(metrics);
    }
    return { finished: true, skippedImages: trainLoader.skipped + valLoader.skipped };
  } catch (error) {
    throw await folder.rescue(explainOutOfMemory(error, run));
  } finally {
    await Promise.all([trainLoader.close(), valLoader.close()]);
  }
}

/** Throws unless the images are those of the run, as far as can be told. */
export function checkData(run: TrainingRun, dataset: ImageDataset): void {
  const classes = classDifference(run.classes, dataset.classes);
  if (classes)
    throw new DataError(
      `the images are not of the run's classes: ${classes}. Name those that it was made with by --data`,
    );
  const now = run.fingerprint && fingerprintOf(dataset);
  const difference = now ? differenceOf(run.classes, run.fingerprint!, now) : null;
  if (dataset.train.length !== run.trainImages) {
    throw new DataError(
      `the data has ${dataset.train.length} training images, but the run was made for ${run.trainImages}` +
        `${difference ? `: ${difference}` : ''}. Use the same --data, --limit and --val-share`,
    );
  }
  if (difference) {
    throw new DataError(
      `the data is not what the run was made with: ${difference}. Bring back what it was, or train anew with another --out`,
    );
  }
}
