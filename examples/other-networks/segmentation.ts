/**
 * A small U-Net (Ronneberger et al., 2015) that marks which pixels of a drawing belong to a disk, which to a square, and
 * which to neither.
 *
 *     node examples/other-networks/segmentation.js
 */
import {
  BatchNorm2d,
  Conv2d,
  ConvTranspose2d,
  crossEntropy,
  Module,
  noGradient,
  Pool2d,
  ReLU,
  Sequential,
  Upsample,
} from '@mobinet/autograd';
import { argMax, concat, Rng, reshape, type Tensor, tensor, tidy } from '@mobinet/tensor';
import { finalLoss, minimize } from './minimize.js';

const size = 32;

/** What a pixel shows. */
const kinds = ['nothing', 'disk', 'square'] as const;

/** Drawings, and what each of their pixels shows. */
export interface Drawings {
  /** [count, size, size, 1] */
  readonly images: Tensor;
  /** [count, size, size], indices into `kinds`. */
  readonly labels: Tensor<'i32'>;
}

/** Draws a bright disk and a bright square in each image, with noise. What is drawn last covers the other. */
export function draw(rng: Rng, count: number): Drawings {
  const images = rng.split('noise').normal([count, size, size, 1], 0, 0.3);
  const labels = new Int32Array(count * size * size);
  for (let index = 0; index < count; index++) {
    const own = rng.split('shapes', index);
    for (const kind of [1, 2]) {
      const radius = 4 + own.integer(4);
      const [row, column] = [0, 1].map(() => radius + own.integer(size - 2 * radius));
      for (let y = row - radius; y <= row + radius; y++) {
        for (let x = column - radius; x <= column + radius; x++) {
          if (kind === 1 && Math.hypot(y - row, x - column) > radius) continue;
          labels[(index * size + y) * size + x] = kind;
        }
      }
    }
  }
  labels.forEach((kind, at) => {
    images.values[at] += kind === 0 ? 0 : 1;
  });
  return { images, labels: tensor(labels, { shape: [count, size, size] }) };
}

function convolution(inChannels: number, outChannels: number, rng: Rng): Sequential {
  return new Sequential(
    new Conv2d(inChannels, outChannels, { bias: false, rng }),
    new BatchNorm2d(outChannels),
    new ReLU(),
  );
}

/** From images [batch, height, width, 1] to logits [batch, height, width, kinds]. Sides must be multiples of 4. */
export class UNet extends Module {
  readonly fine: Sequential;
  readonly middle: Sequential;
  readonly coarse: Sequential;
  readonly upFromCoarse: ConvTranspose2d;
  readonly middleAgain: Sequential;
  readonly upFromMiddle = new Upsample({ scale: 2, mode: 'bilinear' });
  readonly fineAgain: Sequential;
  readonly output: Conv2d;
  readonly pool = new Pool2d('max', 2);

  constructor(rng: Rng, width = 8) {
    super();
    this.fine = convolution(1, width, rng);
    this.middle = convolution(width, 2 * width, rng);
    this.coarse = convolution(2 * width, 4 * width, rng);
    this.upFromCoarse = new ConvTranspose2d(4 * width, 2 * width, { kernel: 2, stride: 2, rng });
    this.middleAgain = convolution(4 * width, 2 * width, rng);
    this.fineAgain = convolution(3 * width, width, rng);
    this.output = new Conv2d(width, kinds.length, { kernel: 1, rng });
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => {
      const fine = this.fine.forward(x);
      const middle = this.middle.forward(this.pool.forward(fine));
      const coarse = this.coarse.forward(this.pool.forward(middle));
      // On the way up, what each resolution saw on the way down is seen again.
      const middleAgain = this.middleAgain.forward(concat([this.upFromCoarse.forward(coarse), middle], 3));
      const fineAgain = this.fineAgain.forward(concat([this.upFromMiddle.forward(middleAgain), fine], 3));
      return this.output.forward(fineAgain);
    });
  }
}

/** Trains on new drawings in every step. Returns the network and its loss per pixel in nats. */
export function trainSegmentation({ steps = 400, batch = 8 } = {}): { network: UNet; loss: number } {
  const rng = Rng.fromSeed(0);
  const network = new UNet(rng.split('network'));
  const losses = minimize(network, {
    steps,
    learningRate: 0.01,
    loss(network, step) {
      const { images, labels } = draw(rng.split('drawings', step), batch);
      return crossEntropy(reshape(network.forward(images), [-1, kinds.length]), reshape(labels, [-1]));
    },
  });
  return { network, loss: finalLoss(losses) };
}

/** How much of what a kind covers, in truth or by the network, is right: intersection over union, for each kind. */
export function intersectionOverUnion(network: UNet, { images, labels }: Drawings): number[] {
  const found = tidy(() => noGradient(() => argMax(network.forward(images))).values.slice());
  return kinds.map((_, kind) => {
    let [both, either] = [0, 0];
    labels.values.forEach((label, at) => {
      if (label === kind && found[at] === kind) both++;
      if (label === kind || found[at] === kind) either++;
    });
    return both / either;
  });
}

if (import.meta.filename === process.argv[1]) {
  const { network, loss } = trainSegmentation();
  const shares = intersectionOverUnion(network, draw(Rng.fromSeed(1), 32));
  console.log(`loss ${loss.toFixed(3)} nats per pixel; of new drawings, intersection over union:`);
  for (const [at, kind] of kinds.entries()) console.log(`${kind.padEnd(8)} ${shares[at].toFixed(3)}`);
}
