import { setImmediate as nextTurn } from 'node:timers/promises';
import { crossEntropy, distillationLoss, flatten, type Module, noGradient, valueAndGradient } from '@mobinet/autograd';
import {
  applyObservations,
  collectObservations,
  countStep,
  discardObservations,
  inMicroBatch,
  type Observation,
  onCompleteGradients,
} from '@mobinet/autograd/kernels';
import { add, dispose, mul, type Tensor, tidy } from '@mobinet/tensor/functions';
import { versionOf } from '@mobinet/tensor/kernels';
import type { CutBatch, ImageBatch } from '../data/loader.js';
import { orderedSumOf } from '../distributed/ordered-sum.js';
import type { ParameterUpdate } from '../distributed/parameter-update.js';
import { received, sendable } from '../distributed/statistics.js';
import type { Team } from '../distributed/team.js';
import { TreeSum } from '../distributed/tree-sum.js';
import type { TeacherLoss } from './distillation.js';
import { countTopK } from './evaluate.js';
import type { TrainingRun } from './run.js';
import type { Snapshot } from './snapshot.js';
import { diverged } from './training-error.js';

/** Options of a training step. */
export interface StepOptions {
  readonly learningRate: number;
  /** The teacher of a run that has one. */
  readonly teacher?: TeacherLoss['teacher'] | undefined;
  /** The processes that train together. */
  readonly team: Team;
  /** How they update the parameters. */
  readonly update: ParameterUpdate;
  /** The number of images that each of them has, in the order of ranks. */
  readonly counts: readonly number[];
  /** A snapshot of the running statistics, which restores them if the step is not completed. */
  readonly statistics: Snapshot;
  /** Aborting it on any of them ends the step between two micro-batches. */
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
 * Trains a network on a batch, and disposes the batch. If several processes train together, each has its micro-batches
 * of the batch, and all call this function.
 *
 * @returns Null if the signal ended the step. In that case, and if the step throws, the run is unchanged.
 * @throws TrainingError if the loss is NaN or infinite.
 */
export async function trainStep(
  run: TrainingRun,
  batch: CutBatch,
  { learningRate, teacher, team, update, counts, statistics, signal }: StepOptions,
): Promise<StepResult | null> {
  const { model, average, training, progress } = run;
  const { labelSmoothing, distillation } = training;
  const images = counts.reduce((sum, count) => sum + count, 0);
  const present = counts.map((count) => count > 0);
  // A single process moves running statistics as it goes.
  const observations: Observation[] | undefined = team.size > 1 ? [] : undefined;
  let found: Awaited<ReturnType<typeof batchGradients>> = null;
  let isDone = false;
  statistics.take();
  try {
    const measured = await team.all(async () => {
      const state =
        observations && [...model.state()].map(([name, tensor]) => ({ name, tensor, version: versionOf(tensor) }));
      try {
        found = await batchGradients(model, batch, {
          labelSmoothing,
          distillation: distillation && teacher && { ...distillation, teacher },
          signal,
          images,
          firstIndex: (team.rank * training.microBatches) / team.size,
          observations,
          onComplete: update.arrive && ((name, gradient) => update.arrive!(name, gradient)),
        });
      } finally {
        update.send?.(gradientsOf(found));
      }
      if (state) checkUnchanged(state);
      const [loss, crossEntropy] = await Promise.all([found?.loss.item(), found?.crossEntropy.item()]);
      return {
        isStopped: present[team.rank] && found === null,
        // A process without images has no loss.
        loss: loss ?? null,
        crossEntropy: crossEntropy ?? null,
        hits: found?.hits ?? 0,
        statistics: observations && (await sendable(model, observations)),
      };
    });
    if (measured.some(({ isStopped }) => isStopped)) {
      update.abandon?.();
      return null;
    }
    const sumOf = (key: 'loss' | 'crossEntropy'): number => orderedSumOf(measured.map((each) => each[key]));
    const loss = sumOf('loss');
    if (!Number.isFinite(loss)) {
      const where = `in epoch ${progress.epoch + 1}, batch ${batch.index + 1}`;
      throw team.common(diverged(`the loss became ${loss} ${where}`, training));
    }
    await update.step({ gradients: gradientsOf(found), present, learningRate });
    // Running statistics move in the order of the micro-batches, whoever has computed them.
    applyObservations(
      received(
        model,
        measured.flatMap(({ statistics }) => statistics ?? []),
      ),
    );
    countStep(model);
    average?.update(model);
    isDone = true;
    const hits = measured.reduce((sum, each) => sum + each.hits, 0);
    return { loss, crossEntropy: sumOf('crossEntropy'), hits, images };
  } catch (error) {
    if (team.isCommon(error)) update.abandon?.();
    throw error;
  } finally {
    if (!isDone) statistics.restore();
    discardObservations(observations ?? []);
    dispose(found);
  }
}

/** A tensor that is saved with a network, and how often it had been overwritten before a step. */
interface StateTensor {
  readonly name: string;
  readonly tensor: Tensor;
  readonly version: number;
}

/** Running statistics are collected, so a tensor that has changed would be different on each process from now on. */
function checkUnchanged(state: readonly StateTensor[]): void {
  const changed = state.find(({ tensor, version }) => versionOf(tensor) !== version);
  if (!changed) return;
  throw new Error(
    `${changed.name} of the network was overwritten in forward, which several processes cannot do in the same way. ` +
      'Let a BatchNorm2d keep running statistics, or train with one process',
  );
}

/** Tells the compiler that `found` was assigned in a callback. */
const gradientsOf = (found: BatchGradients | null): BatchGradients['gradients'] | null => found?.gradients ?? null;

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
 * batch normalization takes its statistics from each micro-batch. Each also updates the running statistics, in order,
 * unless they are collected.
 *
 * @returns null if the signal ended the work, or if no micro-batch has images. Running statistics may have changed by
 *   then, but not parameters.
 */
export async function batchGradients(
  model: Module,
  batch: CutBatch,
  { signal, images = imagesIn(batch), firstIndex = 0, observations, onComplete, ...losses }: BatchOptions,
): Promise<(BatchGradients & { readonly hits: number }) | null> {
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
      const weighted = { ...part, ...losses, weight: part.count / images };
      const compute = () => inMicroBatch(firstIndex + index, () => microBatchGradients(model, weighted));
      // With several micro-batches, gradients are only complete when they have been added up.
      const reporting =
        onComplete && batch.parts.length === 1 ? () => onCompleteGradients(onComplete, compute) : compute;
      const { logits, ...found } = observations ? collecting(observations, reporting) : reporting();
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

/** Runs `body`, and adds what layers observe in it to `observations`. */
function collecting<T>(observations: Observation[], body: () => T): T {
  const collected = collectObservations(body);
  observations.push(...collected.observations);
  return collected.value;
}

/** Options of `batchGradients`. */
interface BatchOptions extends LossOptions {
  /** Aborting it ends the work between two micro-batches. */
  readonly signal?: AbortSignal | undefined;
  /** The number of images that losses are averaged over. Default: those of the batch. */
  readonly images?: number;
  /** The index of the first micro-batch among those of all processes. Default 0. */
  readonly firstIndex?: number;
  /** Collects what layers observe, in order, instead of moving their running statistics. */
  readonly observations?: Observation[] | undefined;
  /** Called with the name of a parameter and its gradient as soon as it is complete, if the batch is one micro-batch. */
  readonly onComplete?: ((name: string, gradient: Tensor) => void) | undefined;
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
