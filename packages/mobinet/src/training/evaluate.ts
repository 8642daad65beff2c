import { crossEntropy, type Module, noGradient } from '@mobinet/autograd';
import { dispose, type Tensor, tidy } from '@mobinet/tensor/functions';
import { checkArgument, checkKinds, kinds } from '../data/arguments.js';
import type { BatchLoader, EpochOptions, ImageBatch } from '../data/batch-loader.js';
import { untilAborted } from '../data/until-aborted.js';

/** Loss and accuracy of a network on a set of images. */
export interface Evaluation {
  /** Mean cross-entropy, in nats. */
  readonly loss: number;
  /** Share of images whose class has the highest score, in percent. */
  readonly top1: number;
  /**
   * Share of images whose class is among the five highest scores, in percent; null for five classes or fewer, where it
   * is always 100.
   */
  readonly top5: number | null;
  /** The number of images. */
  readonly images: number;
}

/** Options of `evaluate` and `comparePacked`. */
export interface EvaluateOptions {
  /** Aborting it ends the evaluation with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each batch with the number of images done so far. */
  readonly onProgress?: ((images: number) => void) | undefined;
  /** Called with each batch and the network's logits [count, classes] for it. Both are freed afterwards. */
  readonly onBatch?: ((batch: ImageBatch, logits: Tensor) => Promise<void>) | undefined;
}

/** The kinds of these options. */
export const evaluateKinds = { signal: kinds.signal, onProgress: kinds.callback, onBatch: kinds.callback };

/**
 * Computes loss and accuracy over all images of a loader, in evaluation mode. Afterwards, the network is in training
 * mode again if it was before.
 *
 * @param model A network from images [batch, size, size, 3] to logits [batch, classes].
 * @param loader Labeled images, prepared for the network.
 * @throws The signal's reason when it aborts.
 * @example
 * ```ts
 * import { Module } from '@mobinet/autograd';
 * import { concat, mean, neg, Rng, reshape, type Tensor } from '@mobinet/tensor';
 * import { evaluate, ImageLoader, imagesFromArrays } from 'mobinet';
 *
 * // Logits [−brightness, brightness], for the classes dark and bright.
 * class Brightness extends Module {
 *   override forward(x: Tensor): Tensor {
 *     const brightness = reshape(mean(x, { axes: [1, 2, 3] }), [-1, 1]);
 *     return concat([neg(brightness), brightness], 1);
 *   }
 * }
 * const pixels = new Uint8Array(4 * 8 * 8 * 3).fill(255, 2 * 8 * 8 * 3);
 * const images = imagesFromArrays({ height: 8, width: 8, pixels, labels: [0, 0, 1, 1] });
 * const loader = new ImageLoader(images, { batchSize: 4, size: 8, rng: Rng.fromSeed(0) });
 * const { top1, images: count } = await evaluate(new Brightness(), loader);
 * console.log(`top-1 ${top1} % of ${count} images`);
 * // → top-1 100 % of 4 images
 * await loader.close();
 * ```
 */
export async function evaluate(model: Module, loader: BatchLoader, options: EvaluateOptions = {}): Promise<Evaluation> {
  checkArgument('evaluate: the network', model, kinds.module);
  checkArgument('evaluate: the loader', loader, kinds.loader);
  checkKinds('evaluate', options, evaluateKinds);
  return summarize(await scoreBatches(model, loader, options));
}

/** What a network reaches on one batch. */
export interface BatchScore {
  readonly images: number;
  /** Mean cross-entropy, in nats. */
  readonly loss: number;
  /** The number of images whose class has the highest score. */
  readonly top1: number;
  /** The number of images whose class is among the five highest scores; null for five classes or fewer. */
  readonly top5: number | null;
}

/** Evaluates a range of batches, all by default. `summarize` puts the scores of several ranges together. */
export async function scoreBatches(
  model: Module,
  loader: BatchLoader,
  { signal, onProgress, onBatch, ...range }: EvaluateOptions & Pick<EpochOptions, 'startBatch' | 'endBatch'>,
): Promise<BatchScore[]> {
  const wasTraining = model.training;
  model.eval();
  const scores: BatchScore[] = [];
  let done = 0;
  try {
    for await (const batch of untilAborted(loader.epoch(0, range), signal)) {
      const { images, labels, count } = batch;
      const logits = noGradient(() => model.forward(images));
      const loss = tidy(() => crossEntropy(logits, labels));
      scores.push({
        images: count,
        loss: await loss.item(),
        top1: await countTopK(logits, labels, 1),
        top5: logits.shape[1] > 5 ? await countTopK(logits, labels, 5) : null,
      });
      await onBatch?.(batch, logits);
      dispose([batch, logits, loss]);
      done += count;
      onProgress?.(done);
    }
    signal?.throwIfAborted();
  } finally {
    if (wasTraining) model.train();
  }
  return scores;
}

/** The evaluation of all batches with these scores, which are added in order. */
export function summarize(scores: readonly BatchScore[]): Evaluation {
  const tally = { loss: 0, top1: 0, top5: 0, images: 0 };
  for (const { images, loss, top1, top5 } of scores) {
    tally.loss += loss * images;
    tally.top1 += top1;
    tally.top5 += top5 ?? 0;
    tally.images += images;
  }
  const percent = (hits: number): number => (100 * hits) / tally.images;
  const hasTop5 = scores.some(({ top5 }) => top5 !== null);
  return {
    loss: tally.loss / tally.images,
    top1: percent(tally.top1),
    top5: hasTop5 ? percent(tally.top5) : null,
    images: tally.images,
  };
}

/** Counts the rows of `logits` [batch, classes] whose label is among the k highest. Ties go to the first class. */
export async function countTopK(logits: Tensor, labels: Tensor<'i32'>, k: number): Promise<number> {
  const [scores, targets] = await Promise.all([logits.data(), labels.data()]);
  const classes = logits.shape[1];
  let hits = 0;
  targets.forEach((target, row) => {
    const score = scores[row * classes + target];
    let better = 0;
    for (let c = 0; c < classes; c++) {
      const other = scores[row * classes + c];
      if (other > score || (other === score && c < target)) better++;
    }
    if (better < k && !Number.isNaN(score)) hits++;
  });
  return hits;
}
