import { fc, test } from '@fast-check/vitest';
import { Adam, checkGradient, crossEntropy, type Module, valueAndGradient } from '@mobinet/autograd';
import { dispose, Rng, type Tensor, tensor, tidy } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import { exercise } from '../lib/exercise.js';
import { makeNetwork, makeSpirals } from './network.js';

const { accuracy, ownCrossEntropy, Mlp, ownAdam } = await exercise(
  () => import('./exercise.js'),
  () => import('./solution.js'),
);

describe('exercise 1', () => {
  test('the accuracy is the share of rows whose largest logit is at the label', () => {
    const logits = tensor([
      [1, 3, 2],
      [0.5, -1, 0],
      [-3, -2, -1],
      [0, 1, 0],
    ]);
    expect(accuracy(logits, tensor([1, 0, 2, 1], { dtype: 'i32' }))).toBe(1);
    expect(accuracy(logits, tensor([1, 2, 2, 0], { dtype: 'i32' }))).toBe(0.5);
    expect(accuracy(logits, tensor([0, 1, 0, 2], { dtype: 'i32' }))).toBe(0);
  });
});

describe('exercise 2', () => {
  const batches = fc.record({
    seed: fc.nat(1000),
    batch: fc.integer({ min: 1, max: 6 }),
    classes: fc.integer({ min: 1, max: 5 }),
  });

  test.prop([batches])('the loss and its gradient are those of crossEntropy', ({ seed, batch, classes }) => {
    const rng = Rng.fromSeed(seed);
    tidy(() => {
      const logits = rng.normal([batch, classes], 0, 2);
      const labels = tensor(Int32Array.from({ length: batch }, () => rng.integer(classes)));
      const [own, expected] = [ownCrossEntropy, crossEntropy].map((loss) =>
        valueAndGradient((logits: Tensor) => loss(logits, labels))(logits),
      );
      expect(own.value.shape).toEqual([]);
      expect(own.value.values[0]).toBeCloseTo(expected.value.values[0], 4);
      own.gradients.values.forEach((number, i) => {
        expect(number, `element ${i} of the gradient`).toBeCloseTo(expected.gradients.values[i], 4);
      });
    });
  });

  test('logits of 1000 do not overflow', () => {
    const loss = ownCrossEntropy(tensor([[1000, 0]]), tensor([1], { dtype: 'i32' }));
    expect(loss.values[0]).toBeCloseTo(1000, 2);
  });

  test('its derivatives are correct', () => {
    const labels = tensor([0, 2], { dtype: 'i32' });
    checkGradient(
      (logits) => ownCrossEntropy(logits, labels),
      [
        tensor([
          [0.5, -1, 0.2],
          [1, 0, -0.5],
        ]),
      ],
    );
  });
});

describe('exercise 3', () => {
  test('its parameters are found, with the sizes that were asked for', () => {
    const mlp = new Mlp([3, 5, 4, 2], Rng.fromSeed(1));
    const shapes = [...mlp.parameters().values()].map(({ shape }) => shape);
    expect(shapes).toEqual([[5, 3], [5], [4, 5], [4], [2, 4], [2]]);
  });

  test('with the same weights, it computes what the network of the chapter does', () => {
    const mlp = new Mlp([2, 8, 8, 2], Rng.fromSeed(2));
    const network = makeNetwork(Rng.fromSeed(3), 8);
    const weights = [...mlp.parameters().values()];
    [...network.parameters().values()].forEach((parameter, i) => {
      parameter.values.set(weights[i].values);
    });
    const x = Rng.fromSeed(4).normal([10, 2]);
    const [found, expected] = [mlp, network].map((module) => module.forward(x).values);
    expect([...found]).toEqual([...expected]);
  });

  test('it learns the spirals', () => {
    const mlp: Module = new Mlp([2, 32, 32, 2], Rng.fromSeed(5));
    const { x, labels } = makeSpirals(Rng.fromSeed(6), 100);
    const optimizer = new Adam({ learningRate: 0.01 });
    const step = valueAndGradient((mlp: Module) => crossEntropy(mlp.forward(x), labels));
    let loss = Number.NaN;
    for (let i = 0; i < 400; i++) {
      const { value, gradients } = step(mlp);
      loss = value.values[0];
      optimizer.update(mlp, gradients);
      dispose([value, gradients]);
    }
    expect(loss, 'the loss after 400 steps').toBeLessThan(0.2);
  });
});

describe('exercise 4', () => {
  const numbers = fc.integer({ min: -20, max: 20 }).map((number) => number / 10);
  const gradients = fc.array(fc.tuple(numbers, numbers), { minLength: 1, maxLength: 10 });

  test.prop([gradients])('the weights are those of Adam', (gradients) => {
    const update = ownAdam(0.1);
    const weights = [1, -1];
    const adam = new Adam({ learningRate: 0.1 });
    const expected = tensor(weights);
    for (const gradient of gradients) {
      update(weights, gradient);
      tidy(() => adam.update(expected, tensor([...gradient])));
      weights.forEach((weight, i) => {
        expect(weight).toBeCloseTo(expected.values[i], 4);
      });
    }
    adam.dispose();
    expected.dispose();
  });
});
