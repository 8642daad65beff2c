import type { Tensor } from '@mobinet/tensor';
import { type EpochMetrics, type ImageDataset, readCheckpoint, type TrainingRun, train } from 'mobinet';

export function topK({ values: scores, shape: [images, classes] }: Tensor, labels: Tensor<'i32'>, k: number): number {
  let hits = 0;
  for (let n = 0; n < images; n++) {
    const label = labels.values[n];
    const own = scores.subarray(n * classes, (n + 1) * classes);
    // It is among the first k if fewer than k classes come before it.
    const before = own.filter((score, c) => score > own[label] || (score === own[label] && c < label));
    if (before.length < k) hits++;
  }
  return hits / images;
}

export function bestEpochOf(metrics: string): EpochMetrics['epoch'] {
  const epochs = metrics
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as EpochMetrics);
  const [best] = epochs.sort((a, b) => b.top1 - a.top1 || a.valLoss - b.valLoss || a.epoch - b.epoch);
  return best.epoch;
}

export async function trainWithBreak(
  run: TrainingRun,
  dataset: ImageDataset,
  { folder, steps }: { folder: string; steps: number },
): Promise<TrainingRun> {
  const stop = new AbortController();
  let done = 0;
  await train(run, dataset, {
    out: folder,
    signal: stop.signal,
    onStep: () => {
      if (++done === steps) stop.abort();
    },
  });
  run.optimizer.dispose();
  run.model.dispose();
  // Order and augmentation of the images are functions of the seed, the epoch and the position, so the checkpoint need not
  // contain them.
  const resumed = await readCheckpoint(folder);
  await train(resumed, dataset, { out: folder });
  return resumed;
}
