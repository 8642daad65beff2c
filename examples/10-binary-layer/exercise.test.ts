import { fc, test } from '@fast-check/vitest';
import { gradient } from '@mobinet/autograd';
import { BinaryLinear } from '@mobinet/bnn';
import { weightGradient } from '@mobinet/bnn/kernels';
import { bitConv2d, mul, packBits, Rng, sum, type Tensor, tensor, tidy } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import { exercise } from '../lib/exercise.js';
import { bestAlpha, sign, squaredError } from './equations.js';

const { inputGradient, twoBases, xnorNetGradient, zeroPaddedCounts } = await exercise(
  () => import('./exercise.js'),
  () => import('./solution.js'),
);

const seeds = fc.integer({ min: 0, max: 1000 });

function expectClose(what: string, found: readonly number[], expected: ArrayLike<number>): void {
  expect(found).toHaveLength(expected.length);
  found.forEach((number, i) => {
    expect(Math.abs(number - expected[i]), `${what} ${i} is ${number}, not ${expected[i]}`).toBeLessThan(1e-4);
  });
}

const normal = (seed: number, length: number): number[] => tidy(() => [...Rng.fromSeed(seed).normal([length]).values]);

describe('exercise 1', () => {
  test.prop([seeds])('is the gradient of the mode xnor-net', (seed) => {
    const [filter, g] = [normal(seed, 6), normal(seed + 1, 6)];
    const expected = tidy(() =>
      weightGradient(tensor([g]), tensor([filter]), tensor([bestAlpha(filter)]), 'xnor-net').values.slice(),
    );
    expectClose('element', xnorNetGradient(filter, g), expected);
  });
});

describe('exercise 2', () => {
  test('two rows of signs represent [3, 1] exactly', () => {
    expect(twoBases([3, 1])).toEqual([
      { alpha: 2, signs: [1, 1] },
      { alpha: 1, signs: [1, -1] },
    ]);
  });

  test.prop([seeds])('the second row reduces the error', (seed) => {
    const filter = normal(seed, 9);
    const [first, second] = twoBases(filter);
    const rest = filter.map((weight, i) => weight - first.alpha * first.signs[i]);
    const error = squaredError(filter, bestAlpha(filter), filter.map(sign));
    expect(squaredError(filter, first.alpha, first.signs)).toBeCloseTo(error, 10);
    // ‖W‖² − α²n is the error of the best row for W.
    expect(squaredError(rest, second.alpha, second.signs)).toBeCloseTo(error - filter.length * second.alpha ** 2, 10);
    expect(second.alpha).toBeGreaterThan(0);
  });
});

describe('exercise 3', () => {
  test.prop([seeds])('is the gradient of BinaryLinear', (seed) => {
    const layer = new BinaryLinear(5, 3, { rng: Rng.fromSeed(seed) });
    const rows = [0, 1, 2].map((row) => [...layer.weight.values.subarray(5 * row, 5 * (row + 1))]);
    const [x, dy] = [normal(seed, 5), normal(seed + 1, 3)];
    const expected = tidy(() =>
      gradient((x: Tensor) => sum(mul(layer.forward(x), tensor([dy]))))(tensor([x])).values.slice(),
    );
    layer.dispose();
    expectClose('element', inputGradient(x, rows, dy), expected);
  });
});

describe('exercise 4', () => {
  test.prop([seeds, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })])(
    'the counts are those of `bitConv2d`, which pads with zeros if it is told to',
    (seed, height, width) => {
      const rng = Rng.fromSeed(seed);
      const [x, weight] = [rng.normal([1, height, width, 2]), rng.normal([3, 3, 3, 2])];
      const expected = tidy(() =>
        bitConv2d(packBits(x), packBits(weight), { padding: 1, paddingValue: 'zero' }).values.slice(),
      );
      expect(zeroPaddedCounts(x, weight)).toEqual([...expected]);
    },
  );
});
