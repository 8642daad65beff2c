import { fc, test } from '@fast-check/vitest';
import { Parameter } from '@mobinet/autograd';
import { binarySegment } from '@mobinet/bnn';
import { Rng, tensor, tidy, withoutMemory } from '@mobinet/tensor';
import { createMoBiNet, summary } from 'mobinet';
import { describe, expect } from 'vitest';
import { exercise } from '../lib/exercise.js';

const { flopsOf, possibleValues, segment, skip } = await exercise(
  () => import('./exercise.js'),
  () => import('./solution.js'),
);

describe('exercise 1', () => {
  const depthwise = { name: 'depthwise', kernel: 3, inChannels: 64, outChannels: 64, size: 8, skipRepeats: 0 } as const;

  test.each([
    [0, 10],
    [1, 19],
    [3, 73],
  ])('a depth-wise segment with K = %d has %d possible values', (k, expected) => {
    expect(possibleValues({ ...depthwise, groups: 64 / 2 ** k })).toBe(expected);
  });

  test('so does a point-wise one, by its input channels', () => {
    expect(possibleValues({ ...depthwise, name: 'pointwise', kernel: 1, groups: 1 })).toBe(65);
  });
});

describe('exercise 2', () => {
  const networks = fc.record({
    block: fc.constantFrom('none' as const, 'pre' as const, 'mid' as const, 'post' as const),
    k: fc.integer({ min: 0, max: 3 }),
    width: fc.constantFrom(0.25, 0.5, 1),
    imageSize: fc.constantFrom(32, 64, 224),
    classes: fc.integer({ min: 2, max: 1000 }),
  });

  test.prop([networks], { numRuns: 10 })('are those of `summary`', (options) => {
    const [plan, { flops }] = withoutMemory(() => {
      const network = createMoBiNet(options);
      return [network.plan, summary(network)] as const;
    });
    expect(flopsOf(plan, options.classes)).toBeCloseTo(flops, 3);
  });
});

describe('exercise 3', () => {
  const x = tensor([
    [
      [
        [1, 2],
        [3, 4],
      ],
    ],
  ]);

  test('as many channels: x itself', () => {
    expect(tidy(() => [...skip(x, 2).values])).toEqual([1, 2, 3, 4]);
  });

  test('three times as many: all channels three times, in each pixel', () => {
    const y = skip(x, 6);
    expect(y.shape).toEqual([1, 1, 2, 6]);
    expect([...y.values]).toEqual([1, 2, 1, 2, 1, 2, 3, 4, 3, 4, 3, 4]);
  });
});

describe('exercise 4', () => {
  const shapes = fc.record({
    kernel: fc.constantFrom(1, 3),
    groups: fc.constantFrom(1, 2),
    repeats: fc.constantFrom(1, 2),
    seed: fc.integer({ min: 0, max: 1000 }),
  });

  test.prop([shapes], { numRuns: 30 })('is `binarySegment`', ({ kernel, groups, repeats, seed }) => {
    const rng = Rng.fromSeed(seed);
    const filters = 4 * repeats;
    const x = rng.normal([2, 4, 4, 4]);
    const weight = new Parameter(rng.normal([filters, kernel, kernel, 4 / groups]));
    const [slope, gamma, beta] = [rng.uniform([filters]), rng.normal([filters]), rng.normal([filters])];
    tidy(() => {
      const options = { groups, padding: 'same', skipRepeats: repeats } as const;
      const expected = binarySegment(x, weight, { slope, gamma, beta }, options).output;
      const found = segment(x, { weight, slope, gamma, beta }, groups);
      expect(found.shape).toEqual(expected.shape);
      const differences = found.values.map((value, i) => Math.abs(value - expected.values[i]));
      expect(Math.max(...differences), 'the largest difference').toBeLessThan(1e-3);
    });
  });
});
