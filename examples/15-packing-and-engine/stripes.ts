/** What the chapter packs: a small binary network that tells horizontal, vertical and diagonal stripes apart. */
import {
  Adam,
  BatchNorm2d,
  Conv2d,
  crossEntropy,
  GlobalAveragePool2d,
  Linear,
  Module,
  PReLU,
  Sequential,
  valueAndGradient,
} from '@mobinet/autograd';
import { BinaryConv2d } from '@mobinet/bnn';
import { dispose, type Rng, type Tensor, tensor, tidy } from '@mobinet/tensor';

export const classes = ['horizontal', 'vertical', 'diagonal'];

/** Images have 8×8 gray pixels. */
const size = 8;

/** How the stripes of a class advance with the row and the column. */
const directions = [
  [1, 0],
  [0, 1],
  [1, 1],
];

/** Images [count, 8, 8, 1] with noise, and the number of the class of each. */
export function drawStripes(count: number, rng: Rng): { images: Tensor; labels: Tensor<'i32'> } {
  const labels = Int32Array.from({ length: count }, (_, image) => image % classes.length);
  const images = rng.normal([count, size, size, 1], 0, 0.8);
  for (const [image, label] of labels.entries()) {
    const [down, right] = directions[label];
    const phase = rng.integer(4);
    for (let row = 0; row < size; row++) {
      for (let column = 0; column < size; column++) {
        const isLight = (down * row + right * column + phase) % 4 < 2;
        images.values[(image * size + row) * size + column] += isLight ? 1 : -1;
      }
    }
  }
  return { images, labels: tensor(labels) };
}

/** A float convolution, two binary ones, and a float classifier. Between the binary ones, only signs matter. */
export class Stripes extends Module {
  readonly imageShape = [size, size, 1];
  readonly stem: Sequential;
  readonly conv: BinaryConv2d;
  readonly norm: BatchNorm2d;
  readonly top: Sequential;
  readonly classifier: Linear;

  constructor(rng: Rng) {
    super();
    this.stem = new Sequential(new Conv2d(1, 16, { bias: false, rng }), new BatchNorm2d(16));
    this.conv = new BinaryConv2d(16, 32, { rng });
    this.norm = new BatchNorm2d(32);
    this.top = new Sequential(
      new BinaryConv2d(32, 32, { stride: 2, rng }),
      new BatchNorm2d(32),
      new PReLU(32),
      new GlobalAveragePool2d(),
    );
    this.classifier = new Linear(32, classes.length, { rng });
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => {
      const hidden = this.norm.forward(this.conv.forward(this.stem.forward(x)));
      return this.classifier.forward(this.top.forward(hidden));
    });
  }
}

/** Trains the network for some steps, and returns the loss of each. */
export async function trainStripes(network: Stripes, steps: number, rng: Rng): Promise<number[]> {
  const lossAndGradient = valueAndGradient((network: Stripes, images: Tensor, labels: Tensor<'i32'>) =>
    crossEntropy(network.forward(images), labels),
  );
  const optimizer = new Adam({ learningRate: 1e-2 });
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const { images, labels } = drawStripes(30, rng.split('batch', step));
    const { value, gradients } = lossAndGradient(network, images, labels);
    optimizer.update(network, gradients);
    losses.push(await value.item());
    dispose([images, labels, value, gradients]);
  }
  optimizer.dispose();
  return losses;
}
