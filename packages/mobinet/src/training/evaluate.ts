import { crossEntropy, type Module, noGradient } from '@mobinet/autograd';
import { dispose, type Tensor, tidy } from '@mobinet/tensor';
import type { BatchLoader, ImageBatch } from '../data/batch-loader.js';
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

/**
 * Computes loss and accuracy over all images of a loader, in evaluation mode. Afterwards, the network is in training
 * mode again if it was before.
 *
 * @param model A network from images [batch, size, size, 3] to logits [batch, classes].
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
export async function evaluate(
  model: Module,
  loader: BatchLoader,
  { signal, onProgress, onBatch }: EvaluateOptions = {},
): Promise<Evaluation> {
  const wasTraining = model.training;
  model.eval();
  const tally = { loss: 0, top1: 0, top5: 0, images: 0 };
  let hasTop5 = false;
  try {
    for await (const batch of untilAborted(loader.epoch(0), signal)) {
      const { images, labels, count } = batch;
      const logits = noGradient(() => model.forward(images));
      const loss = tidy(() => crossEntropy(logits, labels));
      tally.loss += (await loss.item()) * count;
      tally.top1 += await countTopK(logits, labels, 1);
      hasTop5 = logits.shape[1] > 5;
      if (hasTop5) tally.top5 += await countTopK(logits, labels, 5);
      await onBatch?.(batch, logits);
      tally.images += count;
      dispose([batch, logits, loss]);
      onProgress?.(tally.images);
    }
    signal?.throwIfAborted();
  } finally {
    if (wasTraining) model.train();
  }
  const { images } = tally;
  const percent = (hits: number): number => (100 * hits) / images;
  return { loss: tally.loss / images, top1: percent(tally.top1), top5: hasTop5 ? percent(tally.top5) : null, images };
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
