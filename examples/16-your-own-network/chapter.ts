/**
 * A network of your own, from its definition to a packed file that runs without the definition.
 *
 *     npm run chapter 16
 *
 * Trains the network that networks/residual.ts defines, packs it with one bit per binary weight, loads the packed file,
 * checks that its logits are the same to the last bit, and exports it to ONNX. Two epochs over so few images teach the
 * network little.
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
import residual from '../networks/residual.js';

const folder = await mkdtemp(join(tmpdir(), 'mobinet-'));
try {
  // 1. The run. The network has the options that it defines, and those that all image networks share.
  const images = fileURLToPath(new URL('../data/fashion-mnist-subset', import.meta.url));
  const dataset = { ...openImageFolder(images, { limit: 200 }), val: openImageFolder(images, { limit: 100 }).val };
  const { training } = presets.small();
  const run = newRun(
    { width: 16, imageSize: 28 },
    { ...training, epochs: 2, batchSize: 20, learningRate: 2e-3, resize: 28 },
    { network: residual, classes: dataset.classes, trainImages: dataset.train.length },
  );
  const exportOptions = exportOptionsOf(run);
  const { layers, parameters, flops } = summary(run.model, exportOptions);
  console.log('layer                     parameters   bytes in the file');
  for (const { kind, binaryParameters, floatParameters, savedBytes } of layers) {
    const numbers = [String(binaryParameters + floatParameters).padStart(12), String(savedBytes).padStart(20)];
    console.log(kind.padEnd(24) + numbers.join(''));
  }
  console.log(
    `${layers.length} layers, ${parameters.toLocaleString('en')} parameters, ${(flops / 1e6).toFixed(2)} MFLOPs`,
  );

  // 2. The training, which saves checkpoints in the folder.
  await train(run, dataset, {
    out: folder,
    onEpoch: ({ epoch, trainLoss, top1 }) =>
      console.log(`epoch ${epoch}: training loss ${trainLoss.toFixed(3)}, top-1 ${top1.toFixed(1)} % (chance: 10 %)`),
  });

  // 3. The packed file: the operations that `forward` calls in evaluation mode. It runs without networks/residual.ts.
  const file = packModel(run.model, exportOptions);
  const packed = await loadPacked(file);
  run.model.eval();
  const validation = new ImageLoader(dataset.val, {
    ...packed.preprocessing,
    size: packed.imageShape[0],
    batchSize: 50,
    rng: Rng.fromSeed(0),
  });
  for await (const batch of validation.epoch(0)) {
    const [actual, expected] = noGradient(() => [packed.forward(batch.images), run.model.forward(batch.images)]);
    if (!actual.values.every((logit, i) => Object.is(logit, expected.values[i]))) {
      throw new Error('the logits of the packed network differ from those of the trained one');
    }
    dispose([batch, actual, expected]);
  }
  await validation.close();
  console.log(`packed: ${file.length.toLocaleString('en')} bytes, the same logits to the last bit`);

  // 4. The ONNX model, for other runtimes.
  console.log(`as ONNX: ${exportOnnx(run.model, exportOptions).length.toLocaleString('en')} bytes`);
  packed.dispose();
  run.optimizer.dispose();
  run.model.dispose();
} finally {
  await rm(folder, { recursive: true });
}
