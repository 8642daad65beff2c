import { Adam, crossEntropy, flatten, valueAndGradient } from '@mobinet/autograd';
import { dispose, Rng, setThreads, type Tensor, tensor, threadCount } from '@mobinet/tensor';
import { withKernels } from '@mobinet/tensor/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { createMoBiNet, type MoBiNet } from '../model/mobinet.js';
import type { MoBiNetOptions } from '../model/options.js';
import { modelTensors } from './run.js';

const small = { width: 0.25, imageSize: 32, classes: 3 } as const;
const labels = tensor(Int32Array.of(0, 1, 2, 1), { dtype: 'i32' });

const imagesOf = (step: number): Tensor => Rng.fromSeed(1).split(step).normal([4, 32, 32, 3]);

const lossAndGradient = valueAndGradient((model: MoBiNet, images: Tensor) =>
  crossEntropy(model.forward(images), labels, { labelSmoothing: 0.1 }),
);

describe('a training step', () => {
  const threads = threadCount();
  afterAll(() => setThreads(threads));

  test('gives the same bits on any number of threads', async () => {
    const hex = ({ values }: Tensor): string => Buffer.from(values.slice().buffer).toString('hex');
    const bitsOf = (tensors: Iterable<[string, Tensor]>) => Array.from(tensors, ([name, x]) => [name, hex(x)]);
    /** All that two steps make: losses, gradients, and in the end parameters, running statistics and moments. */
    const trainTwice = () => {
      const [model, optimizer] = [createMoBiNet(small), new Adam({ learningRate: 0.01 })];
      const steps = [0, 1].map((step) => {
        const images = imagesOf(step);
        const { value, gradients } = lossAndGradient(model, images);
        optimizer.update(model, gradients);
        const made = [hex(value), bitsOf(flatten(gradients))];
        dispose([images, value, gradients]);
        return made;
      });
      const all = { steps, model: bitsOf(modelTensors(model)), moments: bitsOf(optimizer.state.tensors) };
      model.dispose();
      optimizer.dispose();
      return all;
    };

    await setThreads(1);
    const alone = trainTwice();
    for (const threads of [2, 3]) {
      await setThreads(threads);
      // Threads join as soon as they have compiled the kernels: once they have, and once while they do.
      for (const time of ['first', 'second']) {
        expect(trainTwice(), `${threads} threads, ${time} time`).toEqual(alone);
      }
    }
  });

  const variants: Partial<MoBiNetOptions>[] = [
    {},
    { block: 'pre', padding: 'zero', estimator: 'clip', k: 2 },
    { block: 'none', activation: 'relu', scalingGradient: 'detached' },
    { block: 'post', estimator: 'identity', scalingGradient: 'xnor-net', k: 0 },
    { precision: 'float' },
  ];

  test.each(variants)('has the gradients of its definitions, but for rounding: %o', (variant) => {
    // Where rounding turns the sign of an activation, the gradients turn, too. With this seed none is so near to 0.
    const model = createMoBiNet({ ...small, ...variant, seed: 4 });
    const images = imagesOf(0);
    const [fast, reference] = (['fast', 'reference'] as const).map((tier) =>
      withKernels(tier, () => lossAndGradient(model, images)),
    );
    expect(fast.value.values[0]).toBeCloseTo(reference.value.values[0], 4);
    const expected = new Map(flatten(reference.gradients));
    const errors = flatten(fast.gradients).map(([name, gradient]) => ({
      name,
      error: relativeError(gradient.values, expected.get(name)!.values),
    }));
    expect(errors.map(({ name }) => name).sort()).toEqual([...model.parameters().keys()].sort());
    // No number, where there is no gradient at all, is not below.
    expect(errors.filter(({ error }) => !(error < 1e-4))).toEqual([]);
    dispose([images, fast, reference]);
    model.dispose();
  });
});

/** The largest difference, as a share of the largest element. */
function relativeError(found: Float32Array, exact: Float32Array): number {
  const scale = exact.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  return found.reduce((worst, value, at) => Math.max(worst, Math.abs(value - exact[at])), 0) / scale;
}
