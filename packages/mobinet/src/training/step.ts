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

/**
 * Trains a network on a batch, and disposes the batch.
 *
 * @returns The mean loss and the number of images, or null if the signal ended the step. In that case, and if the step
 * throws, the run is unchanged.
 * @throws TrainingError if the loss is NaN or infinite.
 */
export async function trainStep(
  run: TrainingRun,
  batch: CutBatch,
  { learningRate, teacher, statistics, signal }: StepOptions,
): Promise<{ loss: number; images: number } | null> {
  const { model, optimizer, average, training, progress } = run;
  const { labelSmoothing, distillation } = training;
  const images = imagesIn(batch);
  let found: BatchGradients | null = null;
  let isDone = false;
  statistics.take();
  try {
    found = await batchGradients(model, batch, {
      labelSmoothing,
      distillation: distillation && teacher && { ...distillation, teacher },
      signal,
    });
    if (!found) return null;
    const loss = await found.loss.item();
    if (!Number.isFinite(loss)) {
      throw diverged(`the loss became ${loss} in epoch ${progress.epoch + 1}, batch ${batch.index + 1}`, training);
    }
    optimizer.learningRate = learningRate;
    optimizer.update(model, unflatten(model, found.gradients));
    average?.update(model);
    isDone = true;
    return { loss, images };
  } finally {
    if (!isDone) statistics.restore();
    dispose(found);
  }
}

const imagesIn = ({ parts }: CutBatch): number => parts.reduce((sum, part) => sum + (part?.count ?? 0), 0);

/** The mean loss of a batch and its gradients, which the caller must dispose. */
export interface BatchGradients {
  readonly loss: Tensor;
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
): Promise<BatchGradients | null> {
  const images = imagesIn(batch);
  const sum = new TreeSum<BatchGradients>(addGradients);
  try {
    for (const [index, part] of batch.parts.entries()) {
      // A micro-batch may take seconds, so pending events, such as signals, get a turn in between.
      if (index > 0) await nextTurn();
      if (index > 0 && signal?.aborted) return null;
      sum.push(part && microBatchGradients(model, { ...part, ...loss, weight: part.count / images }));
      dispose(part);
    }
    return sum.take();
  } finally {
    dispose([batch, sum.clear()]);
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
  const loss = lossOf(model.forward(part.images), part, teacherLogits);
  return part.weight === 1 ? loss : mul(loss, part.weight);
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

/** The weighted loss of one micro-batch and its gradients. */
export function microBatchGradients(model: Module, part: WeightedPart): BatchGradients {
  const { distillation, images } = part;
  // The teacher is done before the network begins, so that their activations are not in memory together.
  const teacherLogits = distillation && noGradient(() => distillation.teacher.forward(images));
  try {
    const { value, gradients } = lossAndGradient(model, part, teacherLogits);
    return { loss: value, gradients: new Map(flatten(gradients)) };
  } finally {
    teacherLogits?.dispose();
  }
}

/** Adds two results and disposes both. */
function addGradients(left: BatchGradients, right: BatchGradients): BatchGradients {
  try {
    return tidy(() => ({
      loss: add(left.loss, right.loss),
      gradients: new Map(Array.from(left.gradients, ([name, own]) => [name, add(own, right.gradients.get(name)!)])),
    }));
  } finally {
    dispose([left, right]);
  }
}
