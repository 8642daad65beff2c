import { join } from 'node:path';
import { Conv2d, Dropout, GlobalAveragePool2d, Linear, ReLU, Sequential } from '@mobinet/autograd';
import { Rng } from '@mobinet/tensor';
import { expect, test } from 'vitest';
import { defineNetwork, registerNetwork } from '../networks/network.js';
import { decodeCheckpoint } from './checkpoint.js';
import { contentsOf, free, sharedFolder, useOneThread } from './fixtures.test.helper.js';
import { paperTraining } from './options.js';
import { newRun, type TrainingRun } from './run.js';
import { checkpointOf, metricsOf, smallRuns, withoutRates } from './small-run.test.helper.js';
import { train } from './train.js';

const folder = sharedFolder();
const { dataset, trainThrough } = await smallRuns(folder);
useOneThread();

const network = registerNetwork(
  defineNetwork({
    name: 'with-dropout',
    make({ classes, seed }) {
      const rng = Rng.fromSeed(seed);
      return new Sequential(
        new Conv2d(3, 8, { stride: 2, rng }),
        new ReLU(),
        new Dropout(0.3, { rng }),
        new GlobalAveragePool2d(),
        new Linear(8, classes, { rng }),
      );
    },
  }),
);

const start = (): TrainingRun =>
  newRun(
    { imageSize: 32 },
    { ...paperTraining, epochs: 2, batchSize: 10, microBatches: 4, resize: 32 },
    { network, classes: dataset.classes, trainImages: dataset.train.length },
  );

test('a run with dropout that is interrupted within a step ends with the same bits after resuming', async () => {
  const [straight, out] = [join(folder, 'straight'), join(folder, 'interrupted')];
  await trainThrough(start(), straight);
  const run = start();
  const controller = new AbortController();
  // The next step begins, and ends after its first micro-batch, whose mask has been drawn.
  const onStep = ({ images }: { images: number }) => {
    if (images === 20) setImmediate(() => controller.abort());
  };
  expect(await train(run, dataset, { out, workers: 1, signal: controller.signal, onStep })).toMatchObject({
    finished: false,
  });
  // Two steps; the discarded one does not count.
  expect([...run.model.state()].map(([name, { values }]) => [name, ...values])).toEqual([['layers.2.draws', 2]]);
  free(run);
  await trainThrough(decodeCheckpoint(await checkpointOf(out)), out);
  expect(contentsOf(await checkpointOf(out))).toEqual(contentsOf(await checkpointOf(straight)));
  expect(withoutRates(await metricsOf(out))).toEqual(withoutRates(await metricsOf(straight)));
});
