import { fc, test } from '@fast-check/vitest';
import { memory, Rng, ShapeError, type Tensor, tensor } from '@mobinet/tensor';
import { withKernels } from '@mobinet/tensor/testing';
import { describe, expect } from 'vitest';
import { BatchNorm2d } from '../layers/batch-norm.js';
import { Conv2d } from '../layers/conv2d.js';
import { Sequential } from '../layers/sequential.js';
import { Module } from '../module.js';
import { Parameter } from '../parameter.js';
import { ExponentialMovingAverage } from './exponential-moving-average.js';

/** A parameter and a statistic of three elements each. */
class Vectors extends Module {
  readonly weight: Parameter;
  readonly statistic: Tensor;

  constructor(weight: readonly number[], statistic: readonly number[]) {
    super();
    this.weight = new Parameter(tensor([...weight]));
    this.statistic = tensor([...statistic]);
  }

  override forward(x: Tensor): Tensor {
    return x;
  }
}

const numbers = fc.double({ min: -3, max: 3, noNaN: true }).map(Math.fround);
const vectors = fc.array(numbers, { minLength: 3, maxLength: 3 });
const pairs = fc.tuple(vectors, vectors);

/** Averages by the formula, in double precision. */
function averagesOf(start: readonly number[], steps: readonly (readonly number[])[], decay: number): number[] {
  return steps.reduce<number[]>(
    (average, values, t) => {
      const kept = Math.min(decay, (1 + t) / (10 + t));
      return average.map((mean, i) => kept * mean + (1 - kept) * values[i]);
    },
    [...start],
  );
}

describe('ExponentialMovingAverage', () => {
  test.prop([pairs, fc.array(pairs, { maxLength: 20 }), fc.constantFrom(0, 0.2, 0.5, 0.999), fc.boolean()])(
    'averages parameters and state as its formula says',
    (start, steps, decay, isFast) => {
      const average = new ExponentialMovingAverage(new Vectors(...start), { decay });
      for (const values of steps) {
        const network = new Vectors(...values);
        withKernels(isFast ? 'fast' : 'reference', () => average.update(network));
        network.dispose();
      }
      expect(average.updates).toBe(steps.length);
      const { weight, statistic } = average.module as Vectors;
      [weight, statistic].forEach((found, which) => {
        const expected = averagesOf(
          start[which],
          steps.map((values) => values[which]),
          decay,
        );
        expect([...found.values]).toEqual(expected.map((value) => expect.closeTo(value, 5)));
      });
      average.dispose();
    },
  );

  test('continues from restored averages with the same bits', () => {
    const network = new Vectors([1, 2, 3], [4, 5, 6]);
    const straight = new ExponentialMovingAverage(new Vectors([0, 0, 0], [0, 0, 0]), { decay: 0.9 });
    for (let step = 0; step < 5; step++) straight.update(network);
    const { weight, statistic } = straight.module as Vectors;
    const { updates } = straight;
    const resumed = new ExponentialMovingAverage(new Vectors([...weight.values], [...statistic.values]), {
      decay: 0.9,
      updates,
    });
    for (const average of [straight, resumed]) average.update(network);
    const again = resumed.module as Vectors;
    expect([...again.weight.values, ...again.statistic.values]).toEqual([...weight.values, ...statistic.values]);
    for (const one of [network, straight, resumed]) one.dispose();
  });

  test('averages the weights and running statistics of layers, and takes and leaves no memory', () => {
    const make = (seed: number) => new Sequential(new Conv2d(3, 5, { rng: Rng.fromSeed(seed) }), new BatchNorm2d(5));
    const network = make(1);
    const norm = network.layers[1] as BatchNorm2d;
    norm.runningVariance.values.fill(3);
    const before = memory();
    const average = new ExponentialMovingAverage(make(1), { decay: 0.5 });
    const made = memory();
    average.update(network);
    expect(memory()).toEqual(made);
    const averaged = average.module as typeof network;
    // The first update keeps a tenth.
    expect((averaged.layers[1] as BatchNorm2d).runningVariance.values[4]).toBeCloseTo(0.1 + 0.9 * 3, 6);
    expect(norm.runningVariance.values[4]).toBe(3);
    average.dispose();
    expect(memory()).toEqual(before);
    network.dispose();
  });

  test('refuses another network, and changes nothing', () => {
    const average = new ExponentialMovingAverage(new Vectors([1, 1, 1], [1, 1, 1]), { decay: 0.9 });
    const shorter = new Vectors([2, 2, 2], [2]);
    expect(() => average.update(shorter)).toThrow(ShapeError);
    expect(() => average.update(new BatchNorm2d(3))).toThrow('the network has no weight');
    expect([...(average.module as Vectors).weight.values]).toEqual([1, 1, 1]);
    expect(average.updates).toBe(0);
  });

  test.each([
    [{ decay: 1 }, 'ExponentialMovingAverage: decay must be a number from 0 to below 1, not 1'],
    [{ decay: 0.9, updates: -1 }, 'ExponentialMovingAverage: updates must be a whole number of at least 0, not -1'],
  ])('refuses %j', (options, message) => {
    expect(() => new ExponentialMovingAverage(new Vectors([0], [0]), options)).toThrow(message);
  });
});
