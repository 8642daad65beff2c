import { Rng } from '@mobinet/tensor';
import { fingerprintOf } from '../data/fingerprint.js';
import { ImageLoader } from '../data/loader.js';
import { microBatchSize } from '../data/micro-batches.js';
import type { ImageDataset } from '../data/source.js';
import type { FileSystem } from '../files/file-system.js';
import { isFinished } from './best.js';
import { checkData } from './check-data.js';
import { type EpochOptions, finishEpoch, trainEpoch } from './epoch.js';
import { explainOutOfMemory } from './fit-memory.js';
import { type OwnFolder, ownFolder } from './own-folder.js';
import { Pace } from './pace.js';
import { recordDecoder } from './record-decoder.js';
import type { EpochMetrics, TrainingRun } from './run.js';
import { RunFolder } from './run-folder.js';
import { checkTeacher } from './teacher.js';

/** Options of `train`. */
export interface TrainOptions extends EpochOptions {
  /**
   * The run folder, for checkpoint.safetensors and metrics.jsonl: a path, which is created if necessary and locked
   * during training, or a folder that is owned already.
   */
  readonly out: string | OwnFolder;
  /** The folder that errors tell the user to resume. Default: `out`. */
  readonly resumeFrom?: string | undefined;
  /** Minutes between checkpoints within an epoch. Default 10. */
  readonly checkpointMinutes?: number | undefined;
  /** Threads that decode images. The result does not depend on their number. */
  readonly workers?: number | undefined;
  /** The share of images that may be skipped, as in `ImageLoader`. */
  readonly maxSkipped?: number | undefined;
  /** Called after each epoch, which has been saved. The next one waits for it. */
  readonly onEpoch?: ((metrics: EpochMetrics) => unknown) | undefined;
  /**
   * Called with a message for each image that has to be skipped, and if the image decoder has changed. Default:
   * `console.warn`.
   */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** @internal The file system that the run is written to. */
  readonly files?: FileSystem | undefined;
}

/** The result of `train`. */
export interface TrainResult {
  /** False if the signal ended training early. The run can be resumed from its checkpoint. */
  readonly finished: boolean;
  readonly skippedImages: number;
}

/**
 * Trains a run from its current progress to its last epoch, or until its patience runs out. The run is saved after each
 * epoch, every few minutes, when the signal aborts, and when training fails. A run that is resumed from a checkpoint
 * ends with the same bits as one that was never interrupted.
 *
 * @throws DataError before the first step if the data or the teacher does not belong to the run, or its folder cannot be
 * used.
 * @throws TrainingError if the loss becomes NaN or infinite; the last checkpoint is from before that. Also if training
 * fails for another reason after some steps; the message says what was saved.
 */
export async function train(run: TrainingRun, dataset: ImageDataset, options: TrainOptions): Promise<TrainResult> {
  checkData(run, dataset);
  const { teacher } = options;
  checkTeacher(run, teacher);
  if (teacher) run.teacher = { file: teacher.file, ...run.teacher, hash: teacher.hash };
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
  const { onWarning, files, resumeFrom, checkpointMinutes = 10 } = options;
  await recordDecoder(run, dataset.train, onWarning);
  const folder = await RunFolder.open(run, { out: path, minutes: checkpointMinutes, resumeFrom, files });
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
  const { batchSize, microBatches, augment, mixup } = training;
  const cut = { batchSize, microBatches };
  const trainLoader = new ImageLoader(dataset.train, { ...loading, ...cut, shuffle: true, augment, mixup });
  const valLoader = new ImageLoader(dataset.val, { ...loading, batchSize: microBatchSize(training) });
  const work = { run, trainLoader, valLoader, valImages: dataset.val.length, folder, pace: new Pace(), options };
  try {
    model.train();
    while (!isFinished(run)) {
      const isWhole = await trainEpoch(work);
      const metrics = isWhole ? await finishEpoch(work) : null;
      // A run that was stopped before its first step has nothing to save.
      if (run.optimizer.step > 0) await folder.save();
      if (!metrics) return { finished: false, skippedImages: trainLoader.skipped + valLoader.skipped };
      await options.onEpoch?.(metrics);
    }
    return { finished: true, skippedImages: trainLoader.skipped + valLoader.skipped };
  } catch (error) {
    throw await folder.rescue(explainOutOfMemory(error, run, options.teacher?.model));
  } finally {
    await Promise.all([trainLoader.close(), valLoader.close()]);
  }
}
