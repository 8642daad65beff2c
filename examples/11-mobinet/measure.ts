import { crossEntropy, noGradient, valueAndGradient } from '@mobinet/autograd';
import { add, dispose, Rng, type Tensor, tidy } from '@mobinet/tensor';
import { createMoBiNet, type MoBiNet, type MoBiNetOptions } from 'mobinet';
import { type Batch, classes, drawWaves, imageSize } from './waves.js';

/**
 * Four networks that differ in their skip connections. The initial γ of the batch norms, 0.2 by default, is made for
 * skip connections. Without any, gradients would shrink twentyfold in each unit, so that network has PyTorch's γ of 1.
 */
export const variants: Record<string, Partial<MoBiNetOptions>> = {
  none: { skip: 'none', gamma: 1 },
  figure: { skip: 'figure' },
  'same-shape': { skip: 'same-shape' },
  all: { skip: 'all' },
};

export const makeNetwork = (options: Partial<MoBiNetOptions>): MoBiNet =>
  createMoBiNet({ width: 0.25, imageSize, classes, stemStride: 1, ...options });

export const lossAndGradient = valueAndGradient((network: MoBiNet, { images, labels }: Batch) =>
  crossEntropy(network.forward(images), labels),
);

/** The outputs of the stem and of all units. */
const outputsOf = ({ stem, units }: MoBiNet, images: Tensor): Tensor[] =>
  noGradient(() => {
    const outputs = [stem.forward(images)];
    for (const unit of units) outputs.push(unit.forward(outputs[outputs.length - 1]));
    return outputs;
  });

/** For each unit: how well its output for some images agrees with that for the same images with a little more noise. */
export function agreementOfOutputs(network: MoBiNet): number[] {
  return tidy(() => {
    const rng = Rng.fromSeed(7);
    const { images } = drawWaves(rng.split('images'), 24);
    const noisy = add(images, rng.split('noise').normal(images.shape, 0, 0.1));
    const [outputs, noisyOutputs] = [outputsOf(network, images), outputsOf(network, noisy)];
    return network.units.map((_, i) => correlation(centered(outputs[i + 1]), centered(noisyOutputs[i + 1])));
  });
}

/** For each unit: how well the gradients of its depth-wise weights agree on two batches with the same classes. */
export function agreementOfGradients(network: MoBiNet): number[] {
  const rng = Rng.fromSeed(7);
  const [first, second] = ['first', 'second'].map((name) => {
    const batch = drawWaves(rng.split(name), 48);
    const { value, gradients } = lossAndGradient(network, batch);
    const ofUnits = gradients.units.map(({ depthwise }) => depthwise.conv.weight.values.slice());
    dispose([batch, value, gradients]);
    return ofUnits;
  });
  return first.map((gradient, i) => correlation(gradient, second[i]));
}

/** For each unit: the number of different values in the first channel of what its depth-wise segment returns. */
export function distinctValues(network: MoBiNet): number[] {
  return tidy(() => {
    const { images } = drawWaves(Rng.fromSeed(7), 24);
    const inputs = outputsOf(network, images);
    return network.units.map(({ depthwise }, i) => {
      const { values, shape } = noGradient(() => depthwise.forward(inputs[i]));
      return new Set(values.filter((_, at) => at % shape[3] === 0)).size;
    });
  });
}

/** Subtracts the mean of each channel. */
function centered({ values, shape, size }: Tensor): Float32Array {
  const channels = shape[shape.length - 1];
  const means = new Float64Array(channels);
  for (const [at, value] of values.entries()) means[at % channels] += (value * channels) / size;
  return values.map((value, at) => value - means[at % channels]);
}

/** The cosine of the angle between two vectors: 1 if they have the same direction, 0 if they are unrelated. */
function correlation(a: Float32Array, b: Float32Array): number {
  const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * b[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
