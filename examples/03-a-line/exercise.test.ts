import { fc, test } from '@fast-check/vitest';
import { gradient, mse, SGD } from '@mobinet/autograd';
import { dispose, memory, Rng, scalar, type Tensor, tensor, tidy } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import { exercise } from '../lib/exercise.js';

const { derivatives, fitParabola, momentum, criticalLearningRate } = await exercise(
  () => import('./exercise.js'),
  () => import('./solution.js'),
);

const numbers = fc.integer({ min: -20, max: 20 }).map((number) => number / 10);
const points = fc.array(fc.tuple(numbers, numbers), { minLength: 1, maxLength: 8 });

describe('exercise 1', () => {
  test.prop([points, numbers, numbers])('the derivatives are those of the tape', (points, slope, intercept) => {
    const [x, y] = [0, 1].map((axis) => points.map((point) => point[axis]));
    const found = derivatives(x, y, { slope, intercept });
    tidy(() => {
      const expected = gradient(({ slope, intercept }: { slope: Tensor; intercept: Tensor }) =>
        mse(tensor(x).mul(slope).add(intercept), tensor(y)),
      )({ slope: scalar(slope), intercept: scalar(intercept) });
      expect(found.slope, 'the derivative with respect to the slope').toBeCloseTo(expected.slope.values[0], 4);
      expect(found.intercept, 'the derivative with respect to the intercept').toBeCloseTo(
        expected.intercept.values[0],
        4,
      );
    });
  });
});

describe('exercise 2', () => {
  const x = tensor(Array.from({ length: 21 }, (_, i) => i / 10 - 1));

  test('the parabola through points of a parabola is that one', () => {
    const y = tidy(() => x.mul(-1.5).add(2).mul(x).add(0.5));
    const found = fitParabola(x, y);
    [0.5, 2, -1.5].forEach((expected, i) => {
      expect(found[i], `coefficient ${i}`).toBeCloseTo(expected, 2);
    });
  });

  test('the parabola through noisy points leaves no gradient', () => {
    const y = Rng.fromSeed(1).normal([21]);
    const before = memory().tensors;
    const [a, b, c] = fitParabola(x, y);
    expect(memory().tensors, 'tensors in memory').toBe(before);
    // At the minimum, the errors have no mean, no slope and no curvature left.
    const errors = Array.from(x.values, (x, i) => a + b * x + c * x * x - y.values[i]);
    for (const power of [0, 1, 2]) {
      const moment = errors.reduce((sum, error, i) => sum + error * x.values[i] ** power, 0) / errors.length;
      expect(moment, `the mean of error · x^${power}`).toBeCloseTo(0, 2);
    }
  });
});

describe('exercise 3', () => {
  const gradients = fc.array(fc.tuple(numbers, numbers), { minLength: 1, maxLength: 6 });

  test.prop([gradients, fc.constantFrom(0, 0.5, 0.9)])('the weights are those of SGD', (gradients, share) => {
    const options = { learningRate: 0.1, momentum: share };
    const update = momentum(options);
    const weights = [1, -1];
    const sgd = new SGD(options);
    const expected = tensor(weights);
    for (const gradient of gradients) {
      update(weights, gradient);
      tidy(() => sgd.update(expected, tensor([...gradient])));
      weights.forEach((weight, i) => {
        expect(weight, `weight ${i}`).toBeCloseTo(expected.values[i], 4);
      });
    }
    sgd.dispose();
    dispose(expected);
  });
});

describe('exercise 4', () => {
  /**
   * The largest error of a parameter after 3000 steps, if the best line is y = 0 and descent starts elsewhere. Ends
   * early, before the parameters overflow, where descent diverges.
   */
  function distanceAfterDescent(x: readonly number[], learningRate: number): number {
    let [slope, intercept] = [0.6, 0.8];
    for (let step = 0; step < 3000 && Math.abs(slope) + Math.abs(intercept) < 1e100; step++) {
      const errors = x.map((x) => slope * x + intercept);
      slope -= learningRate * ((2 / x.length) * errors.reduce((sum, error, i) => sum + error * x[i], 0));
      intercept -= learningRate * ((2 / x.length) * errors.reduce((sum, error) => sum + error, 0));
    }
    return Math.max(Math.abs(slope), Math.abs(intercept));
  }

  test.each([{ x: [-1, 1] }, { x: [-2, 0, 2] }, { x: [0, 1, 2, 3] }, { x: [5, 6, 7] }])(
    'below it, descent converges, and above it, it does not: x = $x',
    ({ x }) => {
      const rate = criticalLearningRate(x);
      expect(distanceAfterDescent(x, 1.02 * rate), `after 3000 steps at 1.02 · ${rate}`).toBeGreaterThan(10);
      // In flat directions, descent is slow, but it does not move away.
      expect(distanceAfterDescent(x, 0.98 * rate), `after 3000 steps at 0.98 · ${rate}`).toBeLessThan(1);
    },
  );
});
