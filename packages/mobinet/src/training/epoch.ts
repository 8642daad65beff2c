import { dispose } from '@mobinet/tensor/functions';
import type { CutBatch, ImageLoader } from '../data/loader.js';
import { untilAborted } from '../data/until-aborted.js';
import type { ParameterUpdate } from '../distributed/parameter-update.js';
import type { Team } from '../distributed/team.js';
import { scoreBatches, summarize } from './evaluate.js';
import { makeSchedule } from './options.js';
import type { ImageCounts, Pace } from './pace.js';
import { type EpochMetrics, evaluatedModel, type Progress, startOfEpoch, type TrainingRun } from './run.js';
import type { RunFolder } from './run-folder.js';
import { signChanges, signsOf } from './signs.js';
import { Snapshot } from './snapshot.js';
import { type StepResult, trainStep } from './step.js';
import type { Teacher } from './teacher.js';
import { diverged } from './training-error.js';

/** Progress within an epoch, in training or in validation. */
export interface EpochProgress {
  /** Counted from 1. */
  readonly epoch: number;
  /** The number of epochs of the run. */
  readonly epochs: number;
  /** Images done so far. */
  readonly images: number;
  /** All images of the training or of the validation. */
  readonly imagesPerEpoch: number;
  /** Estimated time for the rest of the run, at the pace since its start or resumption; null while unknown. */
  readonly secondsLeft: number | null;
}

/** The report that `onStep` receives after each training step. */
export interface StepReport extends EpochProgress {
  /** Mean over this epoch so far. */
  readonly loss: number;
  /** Throughput of this epoch so far. */
  readonly imagesPerSecond: number;
  /** Estimated time for a whole epoch, its validation included; null while the pace is unknown. */
  readonly secondsPerEpoch: number | null;
}

/** Options for training and validating epochs. */
export interface EpochOptions {
  /** The teacher of a run with settings for `distillation`. */
  readonly teacher?: Teacher | undefined;
  /** Aborting it stops the run with a checkpoint: after a step, or between micro-batches, discarding the step. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each step. */
  readonly onStep?: ((report: StepReport) => void) | undefined;
  /** Called after each batch of a validation. */
  readonly onValidation?: ((progress: EpochProgress) => void) | undefined;
}

/** Everything needed to train the epochs of a run. */
export interface EpochWork {
  readonly run: TrainingRun;
  readonly trainLoader: ImageLoader;
  readonly valLoader: ImageLoader;
  readonly valImages: number;
  readonly folder: RunFolder;
  /** The processes that train together. */
  readonly team: Team;
  /** How they update the parameters. */
  readonly update: ParameterUpdate;
  readonly pace: Pace;
  readonly options: EpochOptions;
}

/** Trains the rest of the current epoch. Returns false if the signal ended it early. */
export async function trainEpoch(work: EpochWork): Promise<boolean> {
  const { run, trainLoader: loader, folder, team, update, pace, options } = work;
  const { teacher, signal, onStep } = options;
  const { model, training, progress } = run;
  const schedule = makeSchedule(training, training.epochs * loader.batchesPerEpoch);
  // A run that resumes within an epoch has them in its checkpoint.
  if (progress.batch === 0) run.signs = await signsOf(model);
  const statistics = new Snapshot(model.state().values());
  const batches = untilAborted(
    loader.microBatches(progress.epoch, { startBatch: progress.batch, share: team }),
    signal,
  );
  let last = performance.now();
  try {
    for (let index = progress.batch; index < loader.batchesPerEpoch; index++) {
      const { batch, counts, isDue } = await nextBatch(work, batches);
      if (!batch) return false;
      if (counts.every((count) => count === 0)) continue;
      const learningRate = schedule(progress.epoch * loader.batchesPerEpoch + index);
      const stepping = { learningRate, teacher: teacher?.model, team, update, counts, statistics, signal };
      const step = await trainStep(run, batch, stepping);
      if (!step) return false;
      const now = performance.now();
      const seconds = (now - last) / 1000;
      last = now;
      progress.batch = index + 1;
      progress.seconds += seconds;
      count(progress, step);
      pace.step(step.images, seconds);
      folder.countStep();
      if (isDue) await folder.save();
      onStep?.({
        ...progressOf(work, { train: progress.images, val: 0 }),
        images: progress.images,
        imagesPerEpoch: imagesOf(work).train,
        loss: progress.lossSum / progress.images,
        imagesPerSecond: progress.images / progress.seconds,
        secondsPerEpoch: pace.secondsFor(imagesOf(work)),
      });
    }
    const isStopped = await team.all(() => signal?.aborted ?? false);
    return !isStopped.includes(true);
  } finally {
    statistics.dispose();
    await batches.return();
  }
}

/** A batch, as far as this process has a share in it, and what all processes have agreed on. */
interface AgreedBatch {
  /** Null if one of them was asked to stop. */
  readonly batch: CutBatch | null;
  /** The number of images that each of them has. */
  readonly counts: readonly number[];
  /** Whether to save the run after this step. */
  readonly isDue: boolean;
}

async function nextBatch(
  { trainLoader: loader, team, folder, options: { signal } }: EpochWork,
  batches: AsyncGenerator<CutBatch, void, void>,
): Promise<AgreedBatch> {
  let batch: CutBatch | null = null;
  try {
    const all = await team.all(async () => {
      const { value } = await batches.next();
      batch = value ?? null;
      return {
        count: value?.parts.reduce((sum, part) => sum + (part?.count ?? 0), 0) ?? 0,
        skipped: loader.takeSkipped(),
        isStopped: signal?.aborted ?? false,
        // The clocks of the processes differ, so the first one decides.
        isDue: folder.isDue,
      };
    });
    team.together(() => loader.skip(all.flatMap(({ skipped }) => skipped)));
    const isStopped = all.some(({ isStopped }) => isStopped);
    if (isStopped) dispose(batch);
    return { batch: isStopped ? null : batch, counts: all.map(({ count }) => count), isDue: all[0].isDue };
  } catch (error) {
    dispose(batch);
    throw error;
  }
}

/** Adds a step to the sums of an epoch. */
function count(progress: Progress, { loss, crossEntropy, hits, images }: StepResult): void {
  progress.lossSum += loss * images;
  progress.images += images;
  progress.measured.crossEntropySum += crossEntropy * images;
  progress.measured.hits += hits;
  progress.measured.images += images;
}

/** Images per epoch, without those that are known to be undecodable. */
function imagesOf({ run, trainLoader, valLoader, valImages }: EpochWork): ImageCounts {
  return { train: run.trainImages - trainLoader.skipped, val: valImages - valLoader.skipped };
}

/** @param done Images of the current epoch that are done. */
function progressOf(work: EpochWork, done: ImageCounts) {
  const { progress, training } = work.run;
  const { train, val } = imagesOf(work);
  const epochs = training.epochs - progress.epoch;
  const left = { train: epochs * train - done.train, val: epochs * val - done.val };
  return { epoch: progress.epoch + 1, epochs: training.epochs, secondsLeft: work.pace.secondsFor(left) };
}

/**
 * Validates after an epoch and moves the run on to the next one. Returns null if the signal ended the validation early.
 */
export async function finishEpoch(work: EpochWork): Promise<EpochMetrics | null> {
  const { run, trainLoader, valLoader: loader, team, pace, options } = work;
  const { signal, onValidation } = options;
  const { model, training, progress, history } = run;
  const { epoch, lossSum, images, seconds, measured } = progress;
  const onProgress = (own: number): void => {
    const { train, val } = imagesOf(work);
    // The other processes are about as far.
    const done = Math.min(own * team.size, val);
    onValidation?.({ ...progressOf(work, { train, val: done }), images: done, imagesPerEpoch: val });
  };
  const start = performance.now();
  const share = shareOf(loader.batchesPerEpoch, team);
  const all = await team.all(async () => {
    const scores = await scoreBatches(evaluatedModel(run), loader, { ...share, signal, onProgress }).catch(
      (error: unknown) => {
        if (signal?.aborted) return null;
        throw error;
      },
    );
    return { scores, skipped: loader.takeSkipped() };
  });
  team.together(() => loader.skip(all.flatMap(({ skipped }) => skipped)));
  if (all.some(({ scores }) => scores === null)) return null;
  const validation = summarize(all.flatMap(({ scores }) => scores!));
  if (!Number.isFinite(validation.loss)) {
    const problem = `the validation loss became ${validation.loss} after epoch ${epoch + 1}`;
    throw team.common(diverged(problem, training));
  }
  const validationSeconds = (performance.now() - start) / 1000;
  pace.validation(validation.images, validationSeconds);
  const { batchesPerEpoch } = trainLoader;
  const metrics: EpochMetrics = {
    epoch: epoch + 1,
    trainLoss: lossSum / images,
    valLoss: validation.loss,
    ...(measured.images > 0 && {
      trainCrossEntropy: measured.crossEntropySum / measured.images,
      trainTop1: (100 * measured.hits) / measured.images,
    }),
    top1: validation.top1,
    top5: validation.top5,
    learningRate: makeSchedule(training, training.epochs * batchesPerEpoch)((epoch + 1) * batchesPerEpoch - 1),
    imagesPerSecond: images / seconds,
    seconds: seconds + validationSeconds,
    signs: signChanges(model, run.signs, await signsOf(model)),
  };
  history.push(metrics);
  run.progress = startOfEpoch(epoch + 1);
  return metrics;
}

/** The batches that one of several processes validates: about equally many neighbors for each. */
function shareOf(batches: number, { rank, size }: Team): { startBatch: number; endBatch: number } {
  return { startBatch: Math.floor((rank * batches) / size), endBatch: Math.floor(((rank + 1) * batches) / size) };
}
