/**
 * A network of your own, from its definition to a file that runs without it.
 *
 *     node examples/06-your-own-network.js
 *
 * networks/residual.ts defines a kind of network. Here one is trained, packed with one bit for each binary weight, loaded, held to the same
 * logits to the last bit, and exported to ONNX. Two epochs over so few images teach it a little.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { noGradient } from '@mobinet/autograd';
import { dispose, Rng } from '@mobinet/tensor';
import {
  exportOnnx,
  exportOptionsOf,
  ImageLoader,
  loadPacked,
  newRun,
  openImageFolder,
  packModel,
  presets,
  summary,
  train,
} from 'mobinet';
import residual from './networks/residual.js';

const folder = await mkdtemp(join(tmpdir(), 'mobinet-'));
try {
  // 1. A run of the network: its options are those that it defines, and those of all networks of images.
  const images = fileURLToPath(new URL('./data/fashion-mnist-subset', import.meta.url));
  const dataset = openImageFolder(images, { limit: 200 });
  const { training } = presets.small;
  const run = newRun(
    { width: 16, imageSize: 28 },
    { ...training, epochs: 2, batchSize: 20, learningRate: 2e-3, resize: 28 },
    { network: residual, classes: dataset.classes, trainImages: dataset.train.length },
  );
  const about = exportOptionsOf(run);
  const { layers, parameters, flops } = summary(run.model, about);
  console.log(
    `${layers.length} layers, ${parameters.toLocaleString('en')} parameters, ${(flops / 1e6).toFixed(2)} MFLOPs`,
  );

  // 2. The training, which saves checkpoints into the folder, as that of any network does.
  await train(run, dataset, {
    out: folder,
    onEpoch: ({ epoch, trainLoss, top1 }) =>
      console.log(
        `epoch ${epoch}: training loss ${trainLoss.toFixed(3)}, top-1 ${top1.toFixed(1)} % (by chance: 10 %)`,
      ),
  });

  // 3. The file: what `forward` does in evaluation, call by call. It runs without networks/residual.ts.
  const file = packModel(run.model, about);
  const packed = await loadPacked(file);
  run.model.eval();
  const validation = new ImageLoader(dataset.val, {
    ...packed.preprocessing,
    size: packed.imageShape[0],
    batchSize: 50,
    rng: Rng.fromSeed(0),
  });
  for await (const batch of validation.epoch(0)) {
    const [made, expected] = noGradient(() => [packed.forward(batch.images), run.model.forward(batch.images)]);
    if (!made.values.every((logit, at) => Object.is(logit, expected.values[at]))) {
      throw new Error('the packed network does not give the logits of the trained one');
    }
    dispose([batch, made, expected]);
  }
  await validation.close();
  console.log(`packed: ${file.length.toLocaleString('en')} bytes, the same logits to the last bit`);

  // 4. The same for other runtimes.
  console.log(`as ONNX: ${exportOnnx(run.model, about).length.toLocaleString('en')} bytes`);
  packed.dispose();
  run.optimizer.dispose();
  run.model.dispose();
} finally {
  await rm(folder, { recursive: true });
}
