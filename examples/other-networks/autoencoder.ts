/**
 * A variational autoencoder (Kingma & Welling, 2014) of images of clothes: it describes each by a few numbers, from
 * which it can draw it again, and draws new clothes from random numbers.
 *
 *     node examples/other-networks/autoencoder.js
 */
import { binaryCrossEntropyWithLogits, Flatten, Linear, Module, noGradient, Sequential, SiLU } from '@mobinet/autograd';
import {
  add,
  exp,
  gather,
  mul,
  Rng,
  reshape,
  sigmoid,
  split,
  square,
  sub,
  sum,
  type Tensor,
  tensor,
  tidy,
} from '@mobinet/tensor';
import { picture } from '../lib/pictures.js';
import { type Clothes, loadClothes } from './clothes.js';
import { finalLoss, minimize } from './minimize.js';

/** The number of pixels of an image. */
const pixels = 28 * 28;

/** What the encoder knows about each image: a normal distribution of its description. */
interface Description {
  /** [batch, numbers] */
  readonly mean: Tensor;
  /** ln σ², [batch, numbers] */
  readonly logVariance: Tensor;
}

/** What `Autoencoder.forward` returns. */
interface Reconstruction extends Description {
  /** The logit of each pixel, [batch, pixels]. */
  readonly logits: Tensor;
}

/** Describes images by a few numbers, and draws images from such numbers. */
export class Autoencoder extends Module<[images: Tensor, noise: Tensor], Reconstruction> {
  readonly encoder: Sequential;
  readonly decoder: Sequential;
  readonly numbers: number;

  constructor(rng: Rng, { numbers = 8, hidden = 128 } = {}) {
    super();
    this.numbers = numbers;
    this.encoder = new Sequential(
      new Flatten(),
      new Linear(pixels, hidden, { rng }),
      new SiLU(),
      new Linear(hidden, 2 * numbers, { rng }),
    );
    this.decoder = new Sequential(
      new Linear(numbers, hidden, { rng }),
      new SiLU(),
      new Linear(hidden, pixels, { rng }),
    );
  }

  describe(images: Tensor): Description {
    const [mean, logVariance] = split(this.encoder.forward(images), this.numbers, 1);
    return { mean, logVariance };
  }

  /** @param noise Standard normal numbers, [batch, numbers]. */
  override forward(images: Tensor, noise: Tensor): Reconstruction {
    const { mean, logVariance } = this.describe(images);
    // The reparameterization: a sample of the distribution as a differentiable function of its parameters.
    const sample = add(mean, mul(exp(mul(logVariance, 0.5)), noise));
    return { mean, logVariance, logits: this.decoder.forward(sample) };
  }
}

/** The negative evidence lower bound of images [batch, 28, 28, 1], in nats per image. */
export function negativeBound(network: Autoencoder, images: Tensor, rng: Rng): Tensor {
  const [batch] = images.shape;
  const noise = rng.normal([batch, network.numbers]);
  const { mean, logVariance, logits } = network.forward(images, noise);
  const drawing = mul(binaryCrossEntropyWithLogits(logits, reshape(images, [batch, pixels])), pixels);
  // The divergence of N(mean, variance) from N(0, 1), which has a closed form.
  const divergence = mul(sum(sub(add(square(mean), exp(logVariance)), add(logVariance, 1))), 0.5 / batch);
  return add(drawing, divergence);
}

export function trainAutoencoder(
  { images }: Clothes,
  { steps = 400, batch = 64 } = {},
): { network: Autoencoder; loss: number } {
  const rng = Rng.fromSeed(0);
  const network = new Autoencoder(rng.split('network'));
  const losses = minimize(network, {
    steps,
    learningRate: 2e-3,
    loss(network, step) {
      const draw = rng.split('batch', step);
      const indices = Array.from({ length: batch }, () => draw.integer(images.shape[0]));
      return negativeBound(network, gather(images, tensor(indices, { dtype: 'i32' })), draw.split('noise'));
    },
  });
  return { network, loss: finalLoss(losses) };
}

/** Images [count, 28, 28, 1] drawn from random descriptions. */
export function drawNew(network: Autoencoder, rng: Rng, count: number): Tensor {
  return tidy(() =>
    noGradient(() =>
      reshape(sigmoid(network.decoder.forward(rng.normal([count, network.numbers]))), [count, 28, 28, 1]),
    ),
  );
}

if (import.meta.filename === process.argv[1]) {
  const { train, val } = await loadClothes(1000);
  const { network, loss } = trainAutoencoder(train);
  const bound = tidy(() => negativeBound(network, val.images, Rng.fromSeed(1)).values[0]);
  console.log(`${loss.toFixed(1)} nats per image that was learned, ${bound.toFixed(1)} per image that was not`);
  console.log(picture(drawNew(network, Rng.fromSeed(2), 1), [0, 1]));
}
