import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  crossEntropy,
  distillationLoss,
  flatten,
  type Module,
  noGradient,
  unflatten,
  valueAndGradient,
} from '@mobinet/autograd';
import { add, dispose, mul, type Tensor, tidy } from '@mobinet/tensor';
import type { CutBatch, ImageBatch } from '../data/loader.js';
import type { TeacherLoss } from './distillation.js';
import { countTopK } from './evaluate.js';
import type { TrainingRun } from './run.js';
import type { Snapshot } from './snapshot.js';
import { diverged } from './training-error.js';
import { TreeSum } from './tree-sum.js';

/** Options of a training step. */
export interface StepOptions {
  readonly learningRate: number;
  /** The teacher of a run that has one. */
  readonly teacher?: TeacherLoss['teacher'] | undefined;
  /** A snapshot of the running statistics, which restores them if the step is not completed. */
  readonly statistics: Snapshot;
  /** Aborting it ends the step between two micro-batches. */
  readonly signal?: AbortSignal | undefined;
}

/** What a training step has measured. */
export interface StepResult {
  /** Mean over the images. */
  readonly loss: number;
  /** Mean over the images, without label smoothing. */
  readonly crossEntropy: number;
  /** The number of images whose class has the highest score. */
  readonly hits: number;
  readonly images: number;
}

/**
 * Trains a network on a batch, and disposes the batch.
 *
 * @returns Null if the signal ended the step. In that case, and if the step throws, the run is unchanged.
 * @throws TrainingError if the loss is NaN or infinite.
 */
export async function trainStep(
  run: TrainingRun,
  batch: CutBatch,
  { learningRate, teacher, statistics, signal }: StepOptions,
): Promise<StepResult | null> {
  const { model, optimizer, average, training, progress } = run;
  const { labelSmoothing, distillation } = training;
  const images = imagesIn(batch);
  let found: Awaited<ReturnType<typeof batchGradients>> = null;
  let isDone = false;
  statistics.take();
  try {
    found = await batchGradients(model, batch, {
      labelSmoothing,
      distillation: distillation && teacher && { ...distillation, teacher },
      signal,
    });
    if (!found) return null;
    const [loss, crossEntropy] = await Promise.all([found.loss.item(), found.crossEntropy.item()]);
    if (!Number.isFinite(loss)) {
      throw diverged(`the loss became ${loss} in epoch ${progress.epoch + 1}, batch ${batch.index + 1}`, training);
    }
    optimizer.learningRate = learningRate;
    optimizer.update(model, unflatten(model, found.gradients));
    average?.update(model);
    isDone = true;
    return { loss, crossEntropy, hits: found.hits, images };
  } finally {
    if (!isDone) statistics.restore();
    dispose(found);
  }
}

const imagesIn = ({ parts }: CutBatch): number => parts.reduce((sum, part) => sum + (part?.count ?? 0), 0);

/** The mean loss of a batch and its gradients, which the caller must dispose. */
export interface BatchGradients {
  readonly loss: Tensor;
  /** The loss without label smoothing. */
  readonly crossEntropy: Tensor;
  /** By the names of the parameters. */
  readonly gradients: ReadonlyMap<string, Tensor>;
}

/**
 * Computes the loss and the gradients of a batch, and disposes the batch. Micro-batches are processed one at a time, so
 * that only one needs memory.
 *
 * The gradients of each micro-batch are weighted by its share of the images and summed in a fixed tree (`TreeSum`). Up
 * to rounding, that is the gradient of the whole batch, except where the loss of an image depends on other images:
 * batch normalization takes its statistics from each micro-batch. Each also updates the running statistics, in order.
 *
 * @param options.signal Aborting it ends the work between two micro-batches.
 * @returns null if the signal ended the work. Running statistics may have changed by then, but not parameters.
 */
export async function batchGradients(
  model: Module,
  batch: CutBatch,
  { signal, ...loss }: LossOptions & { signal?: AbortSignal | undefined },
): Promise<(BatchGradients & { readonly hits: number }) | null> {
  const images = imagesIn(batch);
  const scores: Tensor[] = [];
  const hits: Promise<number>[] = [];
  const sum = new TreeSum<BatchGradients>(addGradients);
  try {
    for (const [index, part] of batch.parts.entries()) {
      // A micro-batch may take seconds, so pending events, such as signals, get a turn in between.
      if (index > 0) await nextTurn();
      if (index > 0 && signal?.aborted) return null;
      if (!part) {
        sum.push(null);
        continue;
      }
      const { logits, ...found } = microBatchGradients(model, { ...part, ...loss, weight: part.count / images });
      sum.push(found);
      scores.push(logits);
      // A GPU copies the scores while it computes the next micro-batch.
      const counted = countTopK(logits, mainLabels(part), 1);
      // If that fails, it is noticed below. Until then, it must not count as an error that nobody handles.
      counted.catch(() => {});
      hits.push(counted);
      dispose(part.images);
    }
    const counts = await Promise.all(hits);
    const total = sum.take();
    return total && { ...total, hits: counts.reduce((sum, count) => sum + count, 0) };
  } finally {
    await Promise.allSettled(hits);
    dispose([batch, scores, sum.clear()]);
  }
}

/** What a training step minimizes. */
export interface LossOptions {
  readonly labelSmoothing: number;
  /** Makes the loss (1 − weight)·`crossEntropy` + weight·`distillationLoss`. Default: only the former. */
  readonly distillation?: TeacherLoss | undefined;
}

/** A micro-batch whose gradients are to be computed. */
interface WeightedPart extends LossOptions, Pick<ImageBatch, 'images' | 'labels' | 'mixup'> {
  /** Its share of the images of the batch. */
  readonly weight: number;
}

const lossAndGradient = valueAndGradient((model: Module, part: WeightedPart, teacherLogits: Tensor | undefined) => {
  const logits = model.forward(part.images);
  const weighted = (loss: Tensor): Tensor => (part.weight === 1 ? loss : mul(loss, part.weight));
  const loss = weighted(lossOf(logits, part, teacherLogits));
  return [loss, noGradient(() => weighted(labelLoss(logits, { ...part, labelSmoothing: 0 }))), logits] as const;
});

/** @param teacherLogits [batch, classes], if there is a teacher. */
function lossOf(logits: Tensor, part: WeightedPart, teacherLogits: Tensor | undefined): Tensor {
  const loss = labelLoss(logits, part);
  if (!part.distillation || !teacherLogits) return loss;
  const { weight, temperature } = part.distillation;
  return add(mul(loss, 1 - weight), mul(distillationLoss(logits, teacherLogits, { temperature }), weight));
}

/** Mixed images have the same mixture of losses, which for cross-entropy is the loss of mixed targets. */
function labelLoss(logits: Tensor, { labels, mixup, labelSmoothing }: WeightedPart): Tensor {
  const loss = crossEntropy(logits, labels, { labelSmoothing });
  if (!mixup) return loss;
  const { share } = mixup;
  return add(mul(loss, share), mul(crossEntropy(logits, mixup.labels, { labelSmoothing }), 1 - share));
}

/** The weighted losses of one micro-batch, their gradients and its logits [count, classes]. */
export function microBatchGradients(model: Module, part: WeightedPart): BatchGradients & { readonly logits: Tensor } {
  const { distillation, images } = part;
  // The teacher is done before the network begins, so that their activations are not in memory together.
  const teacherLogits = distillation && noGradient(() => distillation.teacher.forward(images));
  try {
    const { value, gradients } = lossAndGradient(model, part, teacherLogits);
    const [loss, crossEntropy, logits] = value;
    return { loss, crossEntropy, logits, gradients: new Map(flatten(gradients)) };
  } finally {
    teacherLogits?.dispose();
  }
}

/** The classes of images. If they are mixed, those of the images with the larger share. */
const mainLabels = ({ labels, mixup }: ImageBatch): Tensor<'i32'> =>
  mixup && mixup.share < 0.5 ? mixup.labels : labels;

/** Adds two results and disposes both. */
function addGradients(left: BatchGradients, right: BatchGradients): BatchGradients {
  try {
    return tidy(() => ({
      loss: add(left.loss, right.loss),
      crossEntropy: add(left.crossEntropy, right.crossEntropy),
      gradients: new Map(Array.from(left.gradients, ([name, own]) => [name, add(own, right.gradients.get(name)!)])),
    }));
  } finally {
    dispose([left, right]);
  }
}
