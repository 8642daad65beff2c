import { fc, test } from '@fast-check/vitest';
import { gradient } from '@mobinet/autograd';
import { add, mean, mul, Rng, sign, sum, type Tensor, tensor, tidy } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import { exercise } from '../lib/exercise.js';

const { noiseOfTanh, roundToTwoBits, signByDetour, signWithTanhSlope } = await exercise(
  () => import('./exercise.js'),
  () => import('./solution.js'),
);

const inputs = fc
  .array(fc.integer({ min: -40, max: 40 }), { minLength: 1, maxLength: 6 })
  .map((numbers) => numbers.map((n) => n / 16));

const valuesOf = (f: (x: Tensor) => Tensor, x: readonly number[]): number[] => tidy(() => [...f(tensor(x)).values]);

/** The slopes of f, multiplied by 3, which a gradient rule must not ignore. */
const slopesOf = (f: (x: Tensor) => Tensor, x: readonly number[]): number[] =>
  tidy(() => [...gradient((x: Tensor) => sum(mul(f(x), 3)))(tensor(x)).values].map((slope) => slope / 3));

function expectClose(what: string, found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  found.forEach((number, i) => {
    expect(Math.abs(number - expected[i]), `${what} ${i} is ${number}, not ${expected[i]}`).toBeLessThan(1e-5);
  });
}

const signs = (x: readonly number[]): number[] => x.map((number) => (number < 0 ? -1 : 1));

describe('exercise 1', () => {
  test.prop([inputs])('the value is the sign, and the slope is 1', (x) => {
    expectClose('sign', valuesOf(signByDetour, x), signs(x));
    expectClose(
      'slope',
      slopesOf(signByDetour, x),
      x.map(() => 1),
    );
  });
});

describe('exercise 2', () => {
  test.prop([inputs])('the value is the sign, and the slope is 1 − tanh²', (x) => {
    expectClose('sign', valuesOf(signWithTanhSlope, x), signs(x));
    expectClose(
      'slope',
      slopesOf(signWithTanhSlope, x),
      x.map((number) => 1 - Math.tanh(number) ** 2),
    );
  });
});

describe('exercise 3', () => {
  const drawNoise = (): Tensor => noiseOfTanh(Rng.fromSeed(8), 100_000);

  test.each([-2, -1, -0.3, 0, 0.5, 1.5])('on average, sign(%d + noise) is the tanh', (x) => {
    const noise = drawNoise();
    expect(noise.shape).toEqual([100_000]);
    const average = tidy(() => mean(sign(add(noise, x))).values[0]);
    expect(Math.abs(average - Math.tanh(x)), `the average is ${average}, not ${Math.tanh(x)}`).toBeLessThan(0.015);
  });

  test('it is noise, not the same number again', () => {
    expect(new Set(drawNoise().values).size).toBeGreaterThan(1000);
  });
});

describe('exercise 4', () => {
  const levels = [-1, -1 / 3, 1 / 3, 1];

  test('numbers near a level become that level', () => {
    expectClose('level', valuesOf(roundToTwoBits, [-3, -0.7, -0.6, -0.1, 0.1, 0.6, 0.7, 3]), [
      -1,
      -1,
      ...[-1, -1, 1, 1].map((s) => s / 3),
      1,
      1,
    ]);
  });

  test.prop([inputs])('each value is a nearest level, and the slope is that of a clipped ramp', (x) => {
    const rounded = valuesOf(roundToTwoBits, x);
    const distance = (a: number, b: number): number => Math.abs(Math.max(-1, Math.min(1, a)) - b);
    rounded.forEach((level, i) => {
      expect(Math.min(...levels.map((l) => Math.abs(l - level))), `${level} is no level`).toBeLessThan(1e-5);
      const nearest = Math.min(...levels.map((l) => distance(x[i], l)));
      expect(distance(x[i], level), `${x[i]} is rounded to ${level}`).toBeLessThan(nearest + 1e-5);
    });
    // At ±1, the slope is a matter of convention.
    const isKink = (i: number): boolean => Math.abs(x[i]) === 1;
    const slopes = slopesOf(roundToTwoBits, x).map((slope, i) => (isKink(i) ? 0 : slope));
    expectClose(
      'slope',
      slopes,
      x.map((number) => Number(Math.abs(number) < 1)),
    );
  });
});
