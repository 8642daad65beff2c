import type { Tensor } from '@mobinet/tensor';
import type { EpochMetrics, ImageDataset, TrainingRun } from 'mobinet';
import { todo } from '../lib/todo.js';

/**
 * Exercise 1. The share of images, from 0 to 1, whose class is among the k classes with the highest scores. Where scores
 * are equal, the class with the smaller number counts as higher.
 *
 * @param logits [images, classes], the scores.
 * @param labels [images], the class of each image.
 */
export function topK(logits: Tensor, labels: Tensor<'i32'>, k: number): number {
  return todo('count, for each image, the classes that come before its own');
}

/**
 * Exercise 2. Reads the text of a metrics.jsonl, one JSON object per line, and returns the number of the epoch whose
 * network should be kept: the one with the highest top1; if several have it, the one with the lowest valLoss among them;
 * and if these are equal, too, the first.
 */
export function bestEpochOf(metrics: string): EpochMetrics['epoch'] {
  return todo('parse each line, and compare the epochs');
}

/**
 * Exercise 3. Trains a run in two parts: stops it after `steps` steps, as Ctrl-C does, frees it, reads it again from its
 * folder, and trains it to the end. The weights must be the same, to the last bit, as without the break.
 *
 * `train` takes a `signal` and calls `onStep` after each step; `readCheckpoint(folder)` reads a run.
 *
 * @param folder The folder of the run.
 * @returns The finished run.
 */
export function trainWithBreak(
  run: TrainingRun,
  dataset: ImageDataset,
  { folder, steps }: { folder: string; steps: number },
): Promise<TrainingRun> {
  return todo('abort an AbortSignal in `onStep`, then read the checkpoint and call `train` again');
}
