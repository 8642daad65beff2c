import { fc, test } from '@fast-check/vitest';
import { Conv2d, gradient, type Module, Sequential } from '@mobinet/autograd';
import { Rng, sum, type Tensor, zeros } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import { accuracy, train } from '../lib/classifier.js';
import { exercise } from '../lib/exercise.js';
import { testDigits, training } from './data.js';
import type { Layer } from './exercise.js';

const { countParameters, receptiveField, makeSmaller } = await exercise(
  () => import('./exercise.js'),
  () => import('./solution.js'),
);

const layers = fc.record({
  channels: fc.constantFrom(2, 4),
  outChannels: fc.constantFrom(2, 4, 8),
  taps: fc.integer({ min: 1, max: 4 }),
  stride: fc.integer({ min: 1, max: 2 }),
  groups: fc.constantFrom(1, 2),
});

function makeLayer({ channels, outChannels, taps, ...options }: Layer): Conv2d {
  return new Conv2d(channels, outChannels, { ...options, kernel: taps, padding: 'valid', rng: Rng.fromSeed(1) });
}

const parametersOf = (module: Module): number =>
  [...module.parameters().values()].reduce((total, { size }) => total + size, 0);

describe('exercise 1: countParameters', () => {
  test.prop([layers])('counts what a layer has', (layer) => {
    expect(countParameters(layer)).toBe(parametersOf(makeLayer(layer)));
  });
});

describe('exercise 2: receptiveField', () => {
  const networks = fc.array(
    layers.map((layer) => ({ ...layer, channels: 2, outChannels: 2 })),
    { minLength: 1, maxLength: 3 },
  );

  test.prop([networks], { numRuns: 30 })('ends at the last pixel that the first output depends on', (network) => {
    const size = 40;
    const model = new Sequential(...network.map(makeLayer));
    const first = (x: Tensor): Tensor => sum(model.forward(x).slice([0, 0, 0, 0], [1, 1, 1, 1]));
    const dx = gradient(first)(zeros([1, size, size, 2]));
    const column = [...dx.slice([0, 0, 0, 0], [1, size, 1, 1]).values];
    expect(receptiveField(network)).toBe(column.findLastIndex((value) => value !== 0) + 1);
  });
});

describe('exercise 3: makeSmaller', () => {
  const network = () => makeSmaller(Rng.fromSeed(6));

  test('has at most 1,500 parameters', () => {
    expect(parametersOf(network())).toBeLessThanOrEqual(1500);
  });

  test('finds digits away from the center', () => {
    const trained = network();
    train(trained, training, { epochs: 10, learningRate: 0.02 });
    expect(accuracy(trained, testDigits(3))).toBeGreaterThanOrEqual(55);
  });
});
