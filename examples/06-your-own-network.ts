/**
 * A network of your own: a small residual network of binary convolutions, after Bi-Real Net (Liu et al., 2018).
 *
 *     node examples/06-your-own-network.js
 *
 * A network is a `Module` with a `forward`. It is trained in a plain loop, packed into a file that runs without this code and gives the
 * same bits, and exported to ONNX. Two epochs over so few images teach it a little.
 */
import { fileURLToPath } from 'node:url';
import {
  Adam,
  BatchNorm2d,
  Conv2d,
  crossEntropy,
  GlobalAveragePool2d,
  Linear,
  Module,
  noGradient,
  Pool2d,
  PReLU,
  Sequential,
  valueAndGradient,
} from '@mobinet/autograd';
import { BinaryConv2d } from '@mobinet/bnn';
import { add, dispose, Rng, type Tensor, tidy } from '@mobinet/tensor';
import {
  evaluate,
  exportOnnx,
  ImageLoader,
  imageNetNormalization,
  loadPacked,
  openImageFolder,
  packModel,
} from 'mobinet';

// 1. The network. Each binary convolution has a shortcut of floats around it, so that what signs lose is not lost.
class Block extends Module {
  readonly conv: BinaryConv2d;
  readonly norm: BatchNorm2d;
  readonly shortcut: Sequential | null;
  readonly activation: PReLU;

  constructor(inChannels: number, outChannels: number, rng: Rng) {
    super();
    const shrinks = inChannels !== outChannels;
    this.conv = new BinaryConv2d(inChannels, outChannels, { stride: shrinks ? 2 : 1, rng });
    this.norm = new BatchNorm2d(outChannels);
    this.shortcut = shrinks
      ? new Sequential(
          new Pool2d('average', 2),
          new Conv2d(inChannels, outChannels, { kernel: 1, bias: false, rng }),
          new BatchNorm2d(outChannels),
        )
      : null;
    this.activation = new PReLU(outChannels);
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => {
      const shortcut = this.shortcut ? this.shortcut.forward(x) : x;
      return this.activation.forward(add(this.norm.forward(this.conv.forward(x)), shortcut));
    });
  }
}

function residualNetwork(classes: number, rng: Rng): Sequential {
  const channels = [16, 16, 16, 32, 32, 64, 64];
  return new Sequential(
    new Conv2d(3, channels[0], { bias: false, rng }),
    new BatchNorm2d(channels[0]),
    ...channels.slice(1).map((outChannels, at) => new Block(channels[at], outChannels, rng)),
    new GlobalAveragePool2d(),
    new Linear(channels[channels.length - 1], classes, { rng }),
  ).label();
}

const images = fileURLToPath(new URL('./data/fashion-mnist-subset', import.meta.url));
const dataset = openImageFolder(images, { limit: 200 });
const size = 28;
const loading = { size, resize: size, batchSize: 20, rng: Rng.fromSeed(1) };
const network = residualNetwork(dataset.classes.length, Rng.fromSeed(0));

// 2. The training.
const lossAndGradient = valueAndGradient((model: Sequential, x: Tensor, labels: Tensor<'i32'>) =>
  crossEntropy(model.forward(x), labels),
);
const optimizer = new Adam({ learningRate: 2e-3 });
const training = new ImageLoader(dataset.train, { ...loading, shuffle: true });
for (let epoch = 0; epoch < 2; epoch++) {
  let sum = 0;
  let batches = 0;
  for await (const batch of training.epoch(epoch)) {
    const { value, gradients } = lossAndGradient(network, batch.images, batch.labels);
    optimizer.update(network, gradients);
    sum += await value.item();
    batches++;
    dispose([batch, value, gradients]);
  }
  console.log(`epoch ${epoch + 1}: training loss ${(sum / batches).toFixed(3)}`);
}
await training.close();

const validation = new ImageLoader(dataset.val, loading);
const { top1 } = await evaluate(network, validation);
console.log(`top-1 of ${dataset.val.length} validation images: ${top1.toFixed(1)} % (by chance: 10 %)`);

// 3. The file: what `forward` does in evaluation, call by call, and one bit for each binary weight. It runs without the code above.
const preprocessing = { resize: size, normalization: imageNetNormalization };
const file = packModel(network, { imageShape: [size, size, 3], classes: dataset.classes, preprocessing });
const packed = await loadPacked(file);
network.eval();
for await (const batch of validation.epoch(0)) {
  const [made, expected] = noGradient(() => [packed.forward(batch.images), network.forward(batch.images)]);
  if (!made.values.every((logit, at) => Object.is(logit, expected.values[at]))) {
    throw new Error('the packed network does not give the logits of the trained one');
  }
  console.log(`packed: ${file.length.toLocaleString('en')} bytes, the same ${made.size} logits to the last bit`);
  dispose([batch, made, expected]);
  break;
}
await validation.close();

// 4. The same for other runtimes.
const onnx = exportOnnx(network, { imageShape: [size, size, 3], classes: dataset.classes });
console.log(`as ONNX: ${onnx.length.toLocaleString('en')} bytes`);
dispose(optimizer.state.tensors);
packed.dispose();
network.dispose();
