import { BatchNorm2d, Linear, type Module, ReLU, Sequential } from '@mobinet/autograd';
import { assign, Rng, type Tensor } from '@mobinet/tensor';
import { drawDigits } from '../lib/digits.js';

const rng = Rng.fromSeed(7);

/** Digits, as rows of 400 pixels. */
function rows(name: string, count: number) {
  const { images, labels } = drawDigits(rng.split(name), count);
  return { images: images.reshape([count, 400]), labels };
}

export const training = rows('training', 1000);
export const test = rows('test', 500);

/** What the networks differ in. */
export const kinds = ['plain', 'He', 'BatchNorm'] as const;

/** The number of hidden layers, and of the outputs of each. */
export const depth = 12;
export const width = 32;

/**
 * Twelve hidden layers with ReLU, and a classifier. All kinds start with the same random numbers.
 *
 * - `'plain'`: weights are uniform in ±1/√inputs, as in PyTorch's `Linear`.
 * - `'He'`: the same, times √6. This gives each output the variance of the inputs of its layer, if these come from a ReLU.
 * - `'BatchNorm'`: plain, with a batch normalization before each ReLU.
 */
export function makeNetwork(kind: (typeof kinds)[number]): Sequential {
  const weights = rng.split('weights');
  const layers: Module[] = [];
  for (let layer = 0; layer < depth; layer++) {
    const linear = new Linear(layer === 0 ? 400 : width, width, { rng: weights });
    if (kind === 'He') assign(linear.weight, linear.weight.mul(Math.sqrt(6)));
    layers.push(linear, ...(kind === 'BatchNorm' ? [new BatchNorm2d(width)] : []), new ReLU());
  }
  return new Sequential(...layers, new Linear(width, 10, { rng: weights }));
}

/** The inputs of each ReLU, for all images of the training. */
export function inputsOfReLUs({ layers }: Sequential): Tensor[] {
  const inputs: Tensor[] = [];
  let x = training.images;
  for (const layer of layers) {
    if (layer instanceof ReLU) inputs.push(x);
    x = layer.forward(x);
  }
  return inputs;
}

/** The typical size of an element: √(mean of squares). */
export const sizeOf = (x: Tensor): number => Math.sqrt(x.square().mean().values[0]);
