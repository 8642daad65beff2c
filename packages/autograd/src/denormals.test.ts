import {
  add,
  batchNorm,
  dispose,
  matmul,
  prelu,
  Rng,
  setThreads,
  type Tensor,
  tensor,
  threadCount,
} from '@mobinet/tensor';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { valueAndGradient } from './differentiate.js';
import { crossEntropy } from './losses.js';
import { Adam, AdamW } from './optimizers/adam.js';
import type { Optimizer } from './optimizers/optimizer.js';
import { SGD } from './optimizers/sgd.js';
import { flatten } from './tree.js';

/** Definitions take their time: their network is smaller. */
const isReference = process.env.MOBINET_KERNELS === 'reference';
const [batch, features, classes] = isReference ? [8, 16, 8] : [16, 192, 16];

/** A layer with all that stands between convolutions, and a classifier. */
function makeLayers() {
  const rng = Rng.fromSeed(3);
  const vector = (value: number) => tensor(new Float32Array(features).fill(value));
  return {
    hidden: rng.split('hidden').normal([features, features], 0, 1 / Math.sqrt(features)),
    gamma: vector(1),
    beta: vector(0),
    slope: vector(0.25),
    classifier: rng.split('classifier').normal([features, classes], 0, 1 / Math.sqrt(features)),
  };
}

const images = Rng.fromSeed(4).normal([batch, features]);
const labels = tensor(
  Int32Array.from({ length: batch }, (_, n) => n % classes),
  { dtype: 'i32' },
);
const isLabel = Float32Array.from({ length: batch * classes }, (_, at) =>
  Number(at % classes === Math.floor(at / classes) % classes),
);

/** The loss of a network whose logits are ahead by `lead` where they are right. */
const lossAndGradient = valueAndGradient(
  ({ layers, lead }: { layers: ReturnType<typeof makeLayers>; lead: Tensor }) => {
    const { hidden, gamma, beta, slope, classifier } = layers;
    const normalized = batchNorm(matmul(images, hidden), gamma, beta).output;
    return crossEntropy(add(matmul(prelu(normalized, slope), classifier), lead), labels);
  },
);

const [steps, saturation] = [1000, 200];

/** For some steps as it comes; then it grows, until e^−lead is denormal, and stays there. */
const leadOf = (step: number): number => Math.min(93, Math.max(0, (step - saturation) / 5));

/** How many numbers of a tensor are denormal: those that have no exponent, but are not 0. */
function countDenormals({ values }: Tensor): number {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  let count = 0;
  for (let i = 0; i < bits.length; i++) count += Number((bits[i] & 0x7f800000) === 0 && (bits[i] & 0x7fffff) !== 0);
  return count;
}

describe('a layer that is saturated', () => {
  const threads = threadCount();
  beforeAll(() => setThreads(1));
  afterAll(() => setThreads(threads));

  // What is remembered decays to nothing well before the last step.
  const optimizers: [name: string, make: () => Optimizer][] = [
    ['Adam', () => new Adam({ learningRate: 1e-3, betas: [0.8, 0.9] })],
    ['AdamW', () => new AdamW({ learningRate: 1e-3, betas: [0.8, 0.9] })],
    ['SGD with momentum', () => new SGD({ learningRate: 0.01, momentum: 0.8 })],
  ];

  // A processor takes many times as long over a denormal number: where there are none, no step is slow.
  test.each(optimizers)('makes no denormal numbers, with %s', (_, make) => {
    const { denormals, optimizer } = train(make(), steps);
    expect(denormals).toEqual([]);
    // Nothing is left of what decayed.
    for (const [name, { values }] of optimizer.state.tensors) expect(values.some(Boolean), name).toBe(false);
    optimizer.dispose();
  });
});

/** Which gradients and moments were denormal, in which steps. */
function train(optimizer: Optimizer, steps: number) {
  const layers = makeLayers();
  const denormals: string[] = [];
  for (let step = 0; step < steps; step++) {
    const lead = tensor(
      isLabel.map((is) => is * leadOf(step)),
      { shape: [batch, classes] },
    );
    const { value, gradients } = lossAndGradient({ layers, lead });
    optimizer.update(layers, gradients.layers);
    for (const [name, x] of [...flatten(gradients), ...optimizer.state.tensors]) {
      if (countDenormals(x) > 0) denormals.push(`${name} in step ${step}`);
    }
    dispose([value, gradients, lead]);
  }
  dispose(layers);
  return { denormals, optimizer };
}
