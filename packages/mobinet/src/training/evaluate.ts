import { crossEntropy, type Module, noGradient } from '@mobinet/autograd';
import { dispose, type Tensor, tidy } from '@mobinet/tensor';
import type { ImageLoader } from '../data/loader.js';
import { untilAborted } from '../data/until-aborted.js';

export interface Evaluation {
  readonly loss: number;
  /** Share of images whose class got the highest score, in percent. */
  readonly top1: number;
  /** Share of images whose class is among the five highest scores, in percent; null of five classes or fewer, where that is always so. */
  readonly top5: number | null;
  readonly images: number;
}

export interface EvaluateOptions {
  readonly signal?: AbortSignal | undefined;
  /** Hears how many images are done after each batch. */
  readonly onProgress?: ((images: number) => void) | undefined;
}

/**
 * Loss and accuracy over all images of a loader, with running statistics. Puts the network back into the mode it was in.
 * @throws The signal's reason when it aborts.
 */
export async function evaluate(
  model: Module,
  loader: ImageLoader,
  { signal, onProgress }: EvaluateOptions = {},
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

/** How many rows of `logits` [batch, classes] have their label among the k highest. Ties are broken in favour of the first class. */
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
