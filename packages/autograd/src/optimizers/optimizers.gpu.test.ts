import { Rng, toBackend, toHost, withBackend } from '@mobinet/tensor';
import { withKernels } from '@mobinet/tensor/testing';
import { expect, test } from 'vitest';
import { Linear } from '../layers/linear.js';
import { Parameter } from '../parameter.js';
import { Adam, AdamW } from './adam.js';
import { ExponentialMovingAverage } from './exponential-moving-average.js';
import type { Optimizer } from './optimizer.js';
import { RMSProp } from './rmsprop.js';
import { SGD } from './sgd.js';

const optimizers: [name: string, make: () => Optimizer][] = [
  ['Adam with weight decay', () => new Adam({ learningRate: 0.01, weightDecay: 0.1 })],
  ['AdamW', () => new AdamW({ learningRate: 0.01, weightDecay: 0.1 })],
  ['SGD with momentum and weight decay', () => new SGD({ learningRate: 0.1, momentum: 0.9, weightDecay: 0.01 })],
  [
    'SGD with Nesterov momentum and weight decay',
    () => new SGD({ learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01 }),
  ],
  ['RMSProp with momentum and weight decay', () => new RMSProp({ momentum: 0.5, weightDecay: 0.1 })],
  ['RMSProp, centered', () => new RMSProp({ momentum: 0.5, centered: true, epsilon: 1e-3 })],
  [
    'SGD with groups',
    () => new SGD({ learningRate: 0.1, groups: [{ matches: (path) => path === '1', learningRateFactor: 3 }] }),
  ],
];

test.each(optimizers)('%s on a GPU agrees with its definition in parameters and state', async (_, make) => {
  const sizes = [1, 63, 64, 1000];
  const draw = (rng: Rng) => sizes.map((size, index) => rng.split(index).normal([size]));
  const rng = Rng.fromSeed(1);
  const gradients = [0, 1, 2, 3].map((step) => draw(rng.split(step)));
  const [onGpu, onCpu] = (['webgpu', 'cpu'] as const).map((backend) => {
    const optimizer = make();
    const tree = draw(rng.split('start')).map((start) => new Parameter(toBackend(start, backend)));
    for (const step of gradients) {
      const moved = step.map((gradient) => toBackend(gradient, backend));
      withKernels('reference', () => optimizer.update(tree, moved));
    }
    return [...tree, ...optimizer.state.tensors.values()];
  });
  expect(onCpu.length).toBeGreaterThan(sizes.length);
  for (const [index, exact] of onCpu.entries()) {
    const found = (await toHost(onGpu[index])).values;
    // Relative to the largest value if it is above 1, as are the velocities of RMSProp.
    const scale = Math.max(1, ...exact.values.map(Math.abs));
    const errors = found.map((value, at) => Math.abs(value - exact.values[at]) / scale);
    expect(Math.max(...errors), `tensor ${index}`).toBeLessThan(1e-6);
  }
});

test('moving averages on a GPU agree with their definition', async () => {
  const make = (seed: number) => new Linear(33, 5, { rng: Rng.fromSeed(seed) });
  const [onGpu, onCpu] = (['webgpu', 'cpu'] as const).map((backend) =>
    withBackend(backend, () => {
      const average = new ExponentialMovingAverage(make(0), { decay: 0.2 });
      for (let step = 1; step <= 4; step++) withKernels('reference', () => average.update(make(step)));
      return [...average.module.parameters().values()];
    }),
  );
  for (const [index, exact] of onCpu.entries()) {
    const found = (await toHost(onGpu[index])).values;
    const errors = found.map((value, at) => Math.abs(value - exact.values[at]));
    expect(Math.max(...errors), `tensor ${index}`).toBeLessThan(1e-6);
    // Biases are 0 at first and stay 0; weights do not.
    if (index === 0) expect(exact.values.some((value) => Math.abs(value) > 0.01)).toBe(true);
  }
});
