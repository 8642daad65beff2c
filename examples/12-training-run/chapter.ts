/**
 * A training run: the library calls behind `train-imagenet.js`, on a few of the embedded images of clothes.
 *
 *     npm run chapter 12
 *
 * Opens a folder of images, trains a MoBiNet for two epochs, which it saves in the folder of the run, packs the best
 * network with 1-bit weights, and lets the packed file say what some images show.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { avgPool2d, Rng, tidy } from '@mobinet/tensor';
import {
  bestFile,
  evaluate,
  ImageLoader,
  newRun,
  openImageFolder,
  packedFile,
  presets,
  readCheckpoint,
  readPacked,
  train,
  writePacked,
} from 'mobinet';
import { picture, sideBySide } from '../lib/pictures.js';

const folder = await mkdtemp(join(tmpdir(), 'mobinet-'));
try {
  // 1. The data: folders train and val, with a folder per class. `limit` takes fewer images of each, evenly.
  const images = fileURLToPath(new URL('../data/fashion-mnist-subset', import.meta.url));
  const dataset = { ...openImageFolder(images, { limit: 200 }), val: openImageFolder(images, { limit: 100 }).val };
  console.log(`${dataset.train.length} images to train on, ${dataset.val.length} to validate, of these classes:`);
  console.log(`${dataset.classes.join(', ')}\n`);

  // 2. The run: a network, an optimizer and the settings of the training. The preset is for small images.
  const run = newRun(
    { width: 0.25, block: 'none', imageSize: 32, padding: 'zero' },
    { ...presets.small().training, epochs: 2, batchSize: 8, learningRate: 1e-2, ema: 0.9 },
    { classes: dataset.classes, trainImages: dataset.train.length },
  );

  // 3. The training, which saves the run after each epoch.
  await train(run, dataset, {
    out: folder,
    onEpoch: ({ epoch, trainLoss, valLoss, top1 }) => {
      const losses = `training loss ${trainLoss.toFixed(2)}, validation loss ${valLoss.toFixed(2)}`;
      console.log(`epoch ${epoch}: ${losses}, top-1 ${top1.toFixed(0)} % (chance: 10 %)`);
    },
  });

  // 4. The best network, from its checkpoint to a file with one bit per binary weight.
  const best = await readCheckpoint(join(folder, bestFile));
  const bytes = await writePacked(best, join(folder, packedFile));
  console.log(`\npacked: ${bytes.toLocaleString('en')} bytes`);
  console.log(`the folder: ${(await readdir(folder)).sort().join(', ')}`);

  // 5. The packed file knows the classes and how to prepare images. It must reach what the run has measured.
  const packed = await readPacked(folder);
  const loader = new ImageLoader(dataset.val, {
    ...packed.preprocessing,
    size: packed.imageShape[0],
    batchSize: 10,
    shuffle: true,
    rng: Rng.fromSeed(4),
  });
  const predictions: Record<string, string> = {};
  const { top1 } = await evaluate(packed, loader, {
    async onBatch({ images, labels, index }, logits) {
      if (index > 0) return;
      // Three images in gray, at half their size, and what the network takes them for.
      const small = tidy(() => avgPool2d(images.slice([0, 0, 0, 0], [3, 32, 32, 1]), { window: 2 }));
      for (const [at, guess] of logits.argMax(1).values.subarray(0, 3).entries()) {
        const title = `${dataset.classes[labels.values[at]]} → ${dataset.classes[guess]}`;
        predictions[title] = picture(small.slice([at], [at + 1]), [-2, 2]);
      }
    },
  });
  console.log(`the packed network: top-1 ${top1.toFixed(0)} %\n\n${sideBySide(predictions)}`);

  const expected = Math.max(...run.history.map((epoch) => epoch.top1));
  if (top1 !== expected) throw new Error(`the packed network has a top-1 of ${top1} %, not ${expected} %`);
  if (top1 < 40) throw new Error('the network did not learn');

  await loader.close();
  packed.dispose();
  for (const { model, optimizer, average } of [run, best])
    for (const part of [model, optimizer, average]) part?.dispose();
} finally {
  await rm(folder, { recursive: true });
}
