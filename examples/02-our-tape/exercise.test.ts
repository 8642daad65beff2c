import { fc, test } from '@fast-check/vitest';
import { gradient } from '@mobinet/autograd';
import { add, exp, log, matmul, mul, scalar, square, sub, sum, type Tensor, tanh, tensor, tidy } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import { exercise } from '../lib/exercise.js';

const { gradientOfLength, newton, ownGradient } = await exercise(
  () => import('./exercise.js'),
  () => import('./solution.js'),
);

const vectors = fc
  .array(fc.integer({ min: -8, max: 8 }), { minLength: 1, maxLength: 5 })
  .filter((numbers) => numbers.some((number) => number !== 0));

/** The numbers in a tensor that a function returns. */
const numbersIn = (f: () => Tensor): number[] => tidy(() => [...f().values]);

function expectClose(found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  found.forEach((number, i) => {
    expect(Math.abs(number - expected[i]), `element ${i} is ${number}, not ${expected[i]}`).toBeLessThan(1e-4);
  });
}

describe('exercise 1', () => {
  test('the gradient of the length of [3, −4] is [0.6, −0.8]', () => {
    expectClose(
      numbersIn(() => gradientOfLength(tensor([3, -4]))),
      [0.6, -0.8],
    );
  });

  test.prop([vectors])('it is the unit vector in the direction of x', (numbers) => {
    const length = Math.hypot(...numbers);
    expectClose(
      numbersIn(() => gradientOfLength(tensor(numbers))),
      numbers.map((number) => number / length),
    );
  });
});

describe('exercise 2', () => {
  test('one step finds the minimum of a parabola', () => {
    expectClose(
      numbersIn(() => newton((x) => square(sub(x, 3)), scalar(-5), 1)),
      [3],
    );
  });

  test('it finds the minimum of eˣ − 2x, which is ln 2', () => {
    expectClose(
      numbersIn(() => newton((x) => sub(exp(x), mul(x, 2)), scalar(0), 6)),
      [Math.LN2],
    );
  });

  test('the number of steps counts', () => {
    // e⁰ − 2 = −1 and e⁰ = 1, so the first step leads from 0 to 1.
    expectClose(
      numbersIn(() => newton((x) => sub(exp(x), mul(x, 2)), scalar(0), 1)),
      [1],
    );
    expectClose(
      numbersIn(() => newton((x) => sub(exp(x), mul(x, 2)), scalar(0), 0)),
      [0],
    );
  });
});

describe('exercise 3', () => {
  const functions: Record<string, (x: Tensor) => Tensor> = {
    'a sum of squares': (x) => sum(square(x)),
    'a tensor that is used several times': (x) => sum(mul(add(x, tanh(x)), exp(tanh(x)))),
    'a call that the result does not depend on': (x) => {
      exp(x);
      return sum(log(add(square(x), 1)));
    },
    'a product of matrices': (x) => sum(matmul(x.reshape([1, -1]), x.reshape([-1, 1]))),
  };

  test.prop([fc.constantFrom(...Object.keys(functions)), vectors])(
    'its gradient is that of `gradient`',
    (name, numbers) => {
      const f = functions[name];
      expectClose(
        numbersIn(() => ownGradient(f, tensor(numbers))),
        numbersIn(() => gradient(f)(tensor(numbers))),
      );
    },
  );
});
