import { fc, test } from '@fast-check/vitest';
import { gradient } from '@mobinet/autograd';
import { conv2d, mul, ones, Rng, sum, type Tensor, tensor, zeros } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import { exercise } from '../lib/exercise.js';

const { outputSize, moveRight, inputGradient, compose } = await exercise(
  () => import('./exercise.js'),
  () => import('./solution.js'),
);

/** Expects the same shape, and elements that differ by at most 1e-4. */
function expectEqual(actual: Tensor, expected: Tensor): void {
  expect(actual.shape).toEqual(expected.shape);
  actual.values.forEach((value, at) => {
    expect(Math.abs(value - expected.values[at]), `element ${at} is ${value}, not ${expected.values[at]}`).toBeLessThan(
      1e-4,
    );
  });
}

describe('exercise 1: outputSize', () => {
  const windows = fc.record({
    size: fc.integer({ min: 8, max: 20 }),
    taps: fc.integer({ min: 1, max: 4 }),
    stride: fc.integer({ min: 1, max: 4 }),
    padding: fc.integer({ min: 0, max: 3 }),
    dilation: fc.integer({ min: 1, max: 2 }),
  });

  test.prop([windows])('is the height of what conv2d returns', ({ size, taps, ...options }) => {
    const y = conv2d(ones([1, size, 1, 1]), ones([1, taps, 1, 1]), { ...options, padding: [options.padding, 0] });
    expect(outputSize(size, taps, options)).toBe(y.shape[1]);
  });
});

describe('exercise 2: moveRight', () => {
  test('moves each pixel by one to the right', () => {
    const x = tensor([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], { shape: [1, 3, 4, 1] });
    const y = conv2d(x, moveRight(), { padding: 'same' });
    expect([...y.values]).toEqual([0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11]);
  });
});

describe('exercise 3: inputGradient', () => {
  const shapes = fc.record({
    taps: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    channels: fc.integer({ min: 1, max: 3 }),
    outChannels: fc.integer({ min: 1, max: 3 }),
    seed: fc.integer({ min: 0, max: 1000 }),
  });

  test.prop([shapes], { numRuns: 20 })('is what the tape computes', ({ taps, channels, outChannels, seed }) => {
    const rng = Rng.fromSeed(seed);
    const filter = rng.split('filter').normal([outChannels, ...taps, channels]);
    const x = zeros([2, 6, 5, channels]);
    const dy = rng.split('dy').normal(conv2d(x, filter).shape);
    const expected = gradient((x: Tensor) => sum(mul(dy, conv2d(x, filter))))(x);
    expectEqual(inputGradient(dy, filter), expected);
  });
});

describe('exercise 4: compose', () => {
  test('does the work of two convolutions', () => {
    const rng = Rng.fromSeed(4);
    const [f, g] = ['f', 'g'].map((name) => rng.split(name).normal([1, 3, 3, 1]));
    const x = rng.split('x').normal([1, 9, 8, 1]);
    expectEqual(conv2d(x, compose(f, g)), conv2d(conv2d(x, f), g));
  });
});
