/**
 * The library calls behind train-imagenet.js, on a few images and for one epoch.
 *
 *     node examples/05-train-in-code.js
 *
 * Opens an image folder, trains a MoBiNet, packs it with 1-bit weights, loads the packed file and classifies an image.
 * One epoch over so few images teaches the network little; examples/train-imagenet.js trains for longer.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { noGradient } from '@mobinet/autograd';
import { argMax, dispose, Rng, tidy } from '@mobinet/tensor';
import {
  evaluate,
  ImageLoader,
  loadPacked,
  newRun,
  openImageFolder,
  packModel,
  paperTraining,
  saveFile,
  type TrainingOptions,
  train,
} from 'mobinet';

const folder = await mkdtemp(join(tmpdir(), 'mobinet-'));
try {
  // 1. The data, as {train,val}/<class>/*. `limit` is the number of images used per split, evenly over the classes.
  const images = fileURLToPath(new URL('./data/fashion-mnist-subset', import.meta.url));
  const dataset = openImageFolder(images, { limit: 20 });
  console.log(`${dataset.train.length} training images of ${dataset.classes.length} classes`);

  // 2. The run: a network, an optimizer and the training options. A quarter of the full width suits small images.
  const training: TrainingOptions = {
    ...paperTraining,
    epochs: 1,
    batchSize: 5,
    learningRate: 5e-3,
    schedule: 'one-cycle',
    resize: 28,
    augment: { crop: 'center', padding: 0, paddingMode: 'zero', flip: true },
  };
  const run = newRun({ width: 0.25, imageSize: 32 }, training, {
    classes: dataset.classes,
    trainImages: dataset.train.length,
  });

  // 3. The training. It saves a checkpoint in the folder after each epoch, from which it could resume.
  await train(run, dataset, {
    out: folder,
    onStep: ({ images, imagesPerEpoch, loss }) =>
      console.log(`  ${images}/${imagesPerEpoch} images, loss ${loss.toFixed(3)}`),
    onEpoch: ({ epoch, valLoss, top1 }) =>
      console.log(`epoch ${epoch}: validation loss ${valLoss.toFixed(3)}, top-1 ${top1.toFixed(1)} %`),
  });

  // 4. The packed file: one bit per binary weight, and how to preprocess an image for the network.
  const preprocessing = { resize: training.resize, normalization: training.normalization };
  const file = join(folder, 'model.mobinet.safetensors');
  await saveFile(file, packModel(run.model, { classes: dataset.classes, preprocessing }));
  const packed = await loadPacked(file);

  // 5. The check: the packed network must reach the same loss and accuracy as the trained one.
  const loader = new ImageLoader(dataset.val, {
    ...preprocessing,
    batchSize: 20,
    size: packed.imageShape[0],
    rng: Rng.fromSeed(0),
  });
  const { top1, loss } = await evaluate(packed, loader);
  const trained = run.history[0];
  console.log(`packed:  validation loss ${loss.toFixed(3)}, top-1 ${top1.toFixed(1)} %`);
  if (top1 !== trained.top1 || Math.abs(loss - trained.valLoss) > 1e-4) {
    throw new Error('the packed network does not agree with the trained one');
  }

  // 6. Inference: images in, classes out.
  for await (const batch of loader.epoch(0)) {
    const guesses = tidy(() =>
      argMax(
        noGradient(() => packed.forward(batch.images)),
        1,
      ).values.slice(),
    );
    console.log(
      `the first image shows: ${dataset.classes[batch.labels.values[0]]}; predicted: ${dataset.classes[guesses[0]]}`,
    );
    dispose(batch);
    break;
  }

  await loader.close();
  packed.dispose();
  run.optimizer.dispose();
  run.model.dispose();
} finally {
  await rm(folder, { recursive: true });
}
