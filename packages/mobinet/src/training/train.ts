import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { crossEntropy, valueAndGradient } from '@mobinet/autograd';
import { dispose, Rng, type Tensor } from '@mobinet/tensor';
import writeFileAtomic from 'write-file-atomic';
import { DataError } from '../data/errors.js';
import { ImageLoader } from '../data/loader.js';
import type { ImageDataset } from '../data/source.js';
import type { MoBiNet } from '../model/mobinet.js';
import { evaluate } from './evaluate.js';
import { makeSchedule, type TrainingOptions } from './options.js';
import { type EpochMetrics, encodeCheckpoint, modelTensors, runOnHost, startOfEpoch, type TrainingRun } from './run.js';

/** The files of a run, in its folder. */
export const checkpointFile = 'checkpoint.safetensors';
export const metricsFile = 'metrics.jsonl';

/** How far an epoch has come, in training or in validation. */
export interface EpochProgress {
  /** Counted from 1. */
  readonly epoch: number;
  readonly epochs: number;
  /** Images done so far, and in all. */
  readonly images: number;
  readonly imagesPerEpoch: number;
}

export interface StepReport extends EpochProgress {
  /** Mean over this epoch so far. */
  readonly loss: number;
  readonly imagesPerSecond: number;
}

export interface TrainOptions {
  /** Folder for checkpoint.safetensors and metrics.jsonl; made where it is missing. */
  readonly out: string;
  /** Threads that decode images. No result depends on it. */
  readonly workers?: number | undefined;
  /** Aborting it ends the run after the step, with a checkpoint. */
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((report: StepReport) => void) | undefined;
  /** Hears of each batch of the validation after an epoch. */
  readonly onValidation?: ((progress: EpochProgress) => void) | undefined;
  readonly onEpoch?: ((metrics: EpochMetrics) => void) | undefined;
  /** Hears of each image that had to be skipped. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

export interface TrainResult {
  /** False where the signal ended it early: the checkpoint goes on from there. */
  readonly finished: boolean;
  readonly skippedImages: number;
}

/** Training went wrong: the loss is no longer a number. The last checkpoint is from before that. */
export class TrainingError extends Error {
  override readonly name = 'TrainingError';
}

/**
 * Trains a run to its last epoch, from wherever it is. After each epoch, and when the signal aborts, its state is saved;
 * a run that was taken up from its checkpoint ends with the same bits as one that was never interrupted.
 */
export async function train(run: TrainingRun, dataset: ImageDataset, options: TrainOptions): Promise<TrainResult> {
  const { out, onWarning } = options;
  checkData(run, dataset);
  await mkdir(out, { recursive: true });
  const { training, model } = run;
  const loading = {
    batchSize: training.batchSize,
    size: model.options.imageSize,
    rng: Rng.fromSeed(training.seed),
    resize: training.resize,
    normalization: training.normalization,
    ...(options.workers !== undefined && { workers: options.workers }),
    ...(onWarning && { onWarning }),
  };
  const trainLoader = new ImageLoader(dataset.train, { ...loading, shuffle: true, augment: training.augment });
  const valLoader = new ImageLoader(dataset.val, loading);
  const sizes = { batchesPerEpoch: trainLoader.batchesPerEpoch, valImages: dataset.val.length };
  try {
    model.train();
    while (run.progress.epoch < training.epochs) {
      const isWhole = await trainEpoch(run, trainLoader, options);
      const metrics = isWhole ? await finishEpoch(run, valLoader, sizes, options) : null;
      await save(run, out);
      if (!metrics) return { finished: false, skippedImages: trainLoader.skipped + valLoader.skipped };
      options.onEpoch?.(metrics);
    }
    return { finished: true, skippedImages: trainLoader.skipped + valLoader.skipped };
  } finally {
    await Promise.all([trainLoader.close(), valLoader.close()]);
  }
}

/** Throws if `out` holds a run already: starting another would overwrite its checkpoint. */
export async function refuseToOverwrite(out: string): Promise<void> {
  const file = join(out, checkpointFile);
  const exists = await stat(file).then(
    () => true,
    () => false,
  );
  if (exists) throw new DataError(`${file} exists. Continue it with --resume ${out}, or choose another --out`);
}

/** Throws unless the images are those of the run, as far as can be told. */
export function checkData(run: TrainingRun, dataset: ImageDataset): void {
  if (dataset.classes.join('\n') !== run.classes.join('\n')) {
    throw new DataError(
      `the data has the classes ${listed(dataset.classes)}, but the run was made for ${listed(run.classes)}`,
    );
  }
  if (dataset.train.length !== run.trainImages) {
    throw new DataError(
      `the data has ${dataset.train.length} training images, but the run was made for ${run.trainImages}. ` +
        'Use the same --data and --limit',
    );
  }
}

const listed = (names: readonly string[]): string =>
  `${names.slice(0, 5).join(', ')}${names.length > 5 ? `, … (${names.length})` : ''}`;

const lossAndGradient = valueAndGradient(
  (model: MoBiNet, images: Tensor, labels: Tensor<'i32'>, labelSmoothing: number) =>
    crossEntropy(model.forward(images), labels, { labelSmoothing }),
);

/** Trains the rest of the current epoch. Returns false where the signal ended it early. */
async function trainEpoch(run: TrainingRun, loader: ImageLoader, { signal, onStep }: TrainOptions): Promise<boolean> {
  const { model, optimizer, training, progress } = run;
  const schedule = makeSchedule(training, training.epochs * loader.batchesPerEpoch);
  let last = performance.now();
  for await (const batch of loader.epoch(progress.epoch, { startBatch: progress.batch })) {
    const { value, gradients } = lossAndGradient(model, batch.images, batch.labels, training.labelSmoothing);
    const loss = await value.item();
    if (!Number.isFinite(loss)) {
      dispose([batch, value, gradients]);
      throw diverged(`the loss became ${loss} in epoch ${progress.epoch + 1}, batch ${batch.index + 1}`, training);
    }
    optimizer.learningRate = schedule(progress.epoch * loader.batchesPerEpoch + batch.index);
    optimizer.update(model, gradients);
    dispose([batch, value, gradients]);

    const now = performance.now();
    progress.batch = batch.index + 1;
    progress.lossSum += loss * batch.count;
    progress.images += batch.count;
    progress.seconds += (now - last) / 1000;
    last = now;
    onStep?.({
      epoch: progress.epoch + 1,
      epochs: training.epochs,
      images: progress.images,
      imagesPerEpoch: run.trainImages - loader.skipped,
      loss: progress.lossSum / progress.images,
      imagesPerSecond: progress.images / progress.seconds,
    });
    if (signal?.aborted) return false;
  }
  return true;
}

/** Validates after an epoch and opens the next. Returns null where the signal ended it early. */
async function finishEpoch(
  run: TrainingRun,
  loader: ImageLoader,
  { batchesPerEpoch, valImages }: { batchesPerEpoch: number; valImages: number },
  { signal, onValidation }: TrainOptions,
): Promise<EpochMetrics | null> {
  const { model, training, progress, history } = run;
  const { epoch, lossSum, images, seconds } = progress;
  const onProgress = (done: number): void =>
    onValidation?.({
      epoch: epoch + 1,
      epochs: training.epochs,
      images: done,
      imagesPerEpoch: valImages - loader.skipped,
    });
  const start = performance.now();
  const validation = await evaluate(model, loader, { signal, onProgress }).catch((error: unknown) => {
    if (signal?.aborted) return null;
    throw error;
  });
  if (!validation) return null;
  if (!Number.isFinite(validation.loss)) {
    throw diverged(`the validation loss became ${validation.loss} after epoch ${epoch + 1}`, training);
  }
  const metrics: EpochMetrics = {
    epoch: epoch + 1,
    trainLoss: lossSum / images,
    valLoss: validation.loss,
    top1: validation.top1,
    top5: validation.top5,
    learningRate: makeSchedule(training, training.epochs * batchesPerEpoch)((epoch + 1) * batchesPerEpoch - 1),
    imagesPerSecond: images / seconds,
    seconds: seconds + (performance.now() - start) / 1000,
  };
  history.push(metrics);
  run.progress = startOfEpoch(epoch + 1);
  return metrics;
}

function diverged(problem: string, { learningRate }: TrainingOptions): TrainingError {
  return new TrainingError(`${problem}. The last checkpoint is kept; try a learning rate below ${learningRate}`);
}

/** Both files are written whole, then renamed into place: a crash leaves the ones before. */
async function save(current: TrainingRun, out: string): Promise<void> {
  const run = await runOnHost(current);
  try {
    await writeRun(run, out);
  } finally {
    if (run !== current) for (const copy of [run.model, run.optimizer]) copy.dispose();
  }
}

async function writeRun(run: TrainingRun, out: string): Promise<void> {
  for (const [name, { values }] of modelTensors(run.model)) {
    if (!values.every(Number.isFinite)) throw diverged(`${name} holds numbers that are not finite`, run.training);
  }
  await writeFileAtomic(join(out, metricsFile), run.history.map((metrics) => `${JSON.stringify(metrics)}\n`).join(''));
  await writeFileAtomic(join(out, checkpointFile), Buffer.from(encodeCheckpoint(run)));
}
