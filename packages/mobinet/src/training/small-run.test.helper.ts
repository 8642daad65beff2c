import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { openImageFolder } from '../data/image-folder.js';
import type { ImageDataset } from '../data/source.js';
import type { MoBiNetOptions } from '../networks/mobinet/options.js';
import { copyImages, free } from './fixtures.test.helper.js';
import { inMemory } from './in-memory.test.helper.js';
import { paperTraining, type TrainingOptions } from './options.js';
import { type EpochMetrics, newRun, type TrainingRun } from './run.js';
import { checkpointFile, metricsFile } from './run-folder.js';
import { type TrainOptions, train } from './train.js';

/** Training images of a small run. */
export const images = 24;
/** Batches in one of its epochs. */
export const batches = 3;

const training: TrainingOptions = {
  ...paperTraining,
  epochs: 2,
  batchSize: 10,
  learningRate: 2e-3,
  schedule: 'one-cycle',
  resize: 32,
  augment: { ...paperTraining.augment, padding: 2 },
};

/** The number of a step in a whole small run, counted from 1, from the progress within its epoch. */
export const stepOf = ({ epoch, images }: { epoch: number; images: number }): number =>
  (epoch - 1) * batches + Math.ceil(images / training.batchSize);

/** Small runs, whose images are copied to `folder`. */
export async function smallRuns(folder: string) {
  const files = openImageFolder(copyImages(join(folder, 'images')));
  const dataset = await inMemory(files);

  const start = (changes: Partial<TrainingOptions> = {}, options: Partial<MoBiNetOptions> = {}): TrainingRun =>
    newRun(
      { width: 0.0625, k: 1, imageSize: 32, ...options },
      { ...training, ...changes },
      { classes: dataset.classes, trainImages: dataset.train.length },
    );

  /** Trains to the end without interruption, and disposes the run. */
  async function trainThrough(
    run: TrainingRun,
    out: string,
    { images = dataset, ...options }: Partial<TrainOptions> & { images?: ImageDataset } = {},
  ): Promise<void> {
    expect(await train(run, images, { out, workers: 1, ...options })).toEqual({ finished: true, skippedImages: 0 });
    free(run);
  }

  return { files, dataset, start, trainThrough };
}

export const checkpointOf = (out: string): Promise<Buffer> => readFile(join(out, checkpointFile));

export const metricsOf = async (out: string): Promise<EpochMetrics[]> =>
  (await readFile(join(out, metricsFile), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

/** Metrics without those that depend on time. */
export const withoutRates = (history: readonly EpochMetrics[]) =>
  history.map(({ imagesPerSecond, seconds, ...rest }) => rest);
