import { setImmediate as nextTurn } from 'node:timers/promises';
import { crossEntropy, flatten, type Module, unflatten, valueAndGradient } from '@mobinet/autograd';
import { add, dispose, mul, type Tensor, tidy } from '@mobinet/tensor';
import type { CutBatch, ImageBatch } from '../data/loader.js';
import type { TrainingRun } from './run.js';
import type { Snapshot } from './snapshot.js';
import { diverged } from './training-error.js';
import { TreeSum } from './tree-sum.js';

export interface StepOptions {
  readonly learningRate: number;
  /** The running statistics, to go back to where the step is not finished. */
  readonly statistics: Snapshot;
  /** Aborting it ends the work between two micro-batches. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Trains a network on a batch, which is disposed of.
 *
 * @returns The mean loss of so many images; null where the signal ended it. Then, or if it throws, the run is as it was before.
 * @throws TrainingError if the loss is NaN or infinite.
 */
export async function trainStep(
  run: TrainingRun,
  batch: CutBatch,
  { learningRate, statistics, signal }: StepOptions,
): Promise<{ loss: number; images: number } | null> {
  const { model, optimizer, training, progress } = run;
  const images = imagesIn(batch);
  let found: BatchGradients | null = null;
  let isDone = false;
  statistics.take();
  try {
    found = await batchGradients(model, batch, { labelSmoothing: training.labelSmoothing, signal });
    if (!found) return null;
    const loss = await found.loss.item();
    if (!Number.isFinite(loss)) {
      throw diverged(`the loss became ${loss} in epoch ${progress.epoch + 1}, batch ${batch.index + 1}`, training);
    }
    optimizer.learningRate = learningRate;
    optimizer.update(model, unflatten(model, found.gradients));
    isDone = true;
    return { loss, images };
  } finally {
    if (!isDone) statistics.restore();
    dispose(found);
  }
}

const imagesIn = ({ parts }: CutBatch): number => parts.reduce((sum, part) => sum + (part?.count ?? 0), 0);

/** The mean loss of a batch, and its gradients; the caller's to dispose of. */
export interface BatchGradients {
  readonly loss: Tensor;
  /** By the names of the parameters. */
  readonly gradients: ReadonlyMap<string, Tensor>;
}

/**
 * Loss and gradients of a batch, which is disposed of. One micro-batch is in work at a time, so that memory is needed for one alone.
 *
 * Each is weighted by its share of the batch's images, and they are summed over a fixed tree (`TreeSum`). But for rounding that is the
 * gradient of the whole batch, except where an image's loss depends on the other images: batch normalisation takes its statistics from
 * a micro-batch. Running statistics are moved by each of them, in order.
 *
 * @param options.signal Aborting it ends the work between two micro-batches.
 * @returns Null where the signal ended it: the running statistics have been moved then, the parameters have not.
 */
export async function batchGradients(
  model: Module,
  batch: CutBatch,
  { labelSmoothing, signal }: { labelSmoothing: number; signal?: AbortSignal | undefined },
): Promise<BatchGradients | null> {
  const images = imagesIn(batch);
  const sum = new TreeSum<BatchGradients>(addGradients);
  try {
    for (const [index, part] of batch.parts.entries()) {
      // Each may take seconds: let signals be heard between them.
      if (index > 0) await nextTurn();
      if (index > 0 && signal?.aborted) return null;
      sum.push(part && microBatchGradients(model, { ...part, labelSmoothing, weight: part.count / images }));
      dispose(part);
    }
    return sum.take();
  } finally {
    dispose([batch, sum.clear()]);
  }
}

const lossAndGradient = valueAndGradient(
  (model: Module, images: Tensor, labels: Tensor<'i32'>, labelSmoothing: number, weight: number) => {
    const loss = crossEntropy(model.forward(images), labels, { labelSmoothing });
    return weight === 1 ? loss : mul(loss, weight);
  },
);

/** @param part.weight The share of the batch's images that these are. */
export function microBatchGradients(
  model: Module,
  { images, labels, labelSmoothing, weight }: Pick<ImageBatch, 'images' | 'labels'> & GradientOptions,
): BatchGradients {
  const { value, gradients } = lossAndGradient(model, images, labels, labelSmoothing, weight);
  return { loss: value, gradients: new Map(flatten(gradients)) };
}

interface GradientOptions {
  readonly labelSmoothing: number;
  readonly weight: number;
}

/** Frees both. */
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
