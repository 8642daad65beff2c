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

/** Definitions are slow, so their network is smaller. */
const isReference = process.env.MOBINET_KERNELS === 'reference';
const [batch, features, classes] = isReference ? [8, 16, 8] : [16, 192, 16];

/** A linear layer, the layers that usually follow a convolution, and a classifier. */
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

/** The loss of the network, with `lead` added to the logits. */
const lossAndGradient = valueAndGradient(
  ({ layers, lead }: { layers: ReturnType<typeof makeLayers>; lead: Tensor }) => {
    const { hidden, gamma, beta, slope, classifier } = layers;
    const normalized = batchNorm(matmul(images, hidden), gamma, beta).output;
    return crossEntropy(add(matmul(prelu(normalized, slope), classifier), lead), labels);
  },
);

const [steps, saturation] = [1000, 200];

/** What is added to the logits of the right classes: 0 at first, then more, until e^−lead is denormal. */
const leadOf = (step: number): number => Math.min(93, Math.max(0, (step - saturation) / 5));

/** Counts the denormal numbers of a tensor: their exponent bits are 0, but they are not 0. */
function countDenormals({ values }: Tensor): number {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  let count = 0;
  for (let i = 0; i < bits.length; i++) count += Number((bits[i] & 0x7f800000) === 0 && (bits[i] & 0x7fffff) !== 0);
  return count;
}

describe('a saturated network', () => {
  const threads = threadCount();
  beforeAll(() => setThreads(1));
  afterAll(() => setThreads(threads));

  // With these numbers, moments decay to 0 well before the last step.
  const optimizers: [name: string, make: () => Optimizer][] = [
    ['Adam', () => new Adam({ learningRate: 1e-3, betas: [0.8, 0.9] })],
    ['AdamW', () => new AdamW({ learningRate: 1e-3, betas: [0.8, 0.9] })],
    ['SGD with momentum', () => new SGD({ learningRate: 0.01, momentum: 0.8 })],
  ];

  // Processors are many times slower on denormal numbers. Without any, no step is slow.
  test.each(optimizers)('produces no denormal numbers with %s', (_, make) => {
    const { denormals, optimizer } = train(make(), steps);
    expect(denormals).toEqual([]);
    // All moments have decayed to 0.
    for (const [name, { values }] of optimizer.state.tensors) expect(values.some(Boolean), name).toBe(false);
    optimizer.dispose();
  });
});

/** Trains, and lists the gradients and moments that contained denormal numbers, with their steps. */
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
