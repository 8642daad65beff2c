import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { exercise } from '../lib/exercise.js';
import { Value } from './value.js';

const { exp, div, forwardDerivative, learnXor } = await exercise(
  () => import('./exercise.js'),
  () => import('./solution.js'),
);

const numbers = fc.double({ min: -3, max: 3, noNaN: true });
const nonzero = numbers.filter((x) => Math.abs(x) > 0.2);

/** Finite differences of a function of values, one for each of its inputs. */
function differences(f: (...inputs: Value[]) => Value, inputs: readonly number[]): number[] {
  const h = 1e-5;
  const valueAt = (at: readonly number[]): number => f(...at.map((x) => new Value(x))).data;
  return inputs.map((_, i) => {
    const [above, below] = [h, -h].map((h) => valueAt(inputs.map((x, j) => (i === j ? x + h : x))));
    return (above - below) / (2 * h);
  });
}

function expectDerivatives(f: (...inputs: Value[]) => Value, at: readonly number[]): void {
  const inputs = at.map((x) => new Value(x));
  f(...inputs).backward();
  differences(f, at).forEach((difference, i) => {
    const message = `the derivative with respect to input ${i} at (${at.join(', ')})`;
    expect(inputs[i].gradient, message).toBeCloseTo(difference, 4);
  });
}

describe('exercise 1', () => {
  test.prop([numbers])('exp computes eˣ, and its derivative', (x) => {
    expect(exp(new Value(x)).data).toBeCloseTo(Math.exp(x), 10);
    expectDerivatives(exp, [x]);
  });

  test.prop([numbers, nonzero])('div computes a / b, and both derivatives', (a, b) => {
    expect(div(new Value(a), new Value(b)).data).toBeCloseTo(a / b, 10);
    expectDerivatives(div, [a, b]);
  });
});

describe('exercise 2', () => {
  // a is used three times, and c not at all.
  const f = (a: Value, b: Value): Value => a.mul(b).add(a.tanh()).mul(a.relu());

  test.prop([nonzero, numbers])('the derivative is the same forwards and backwards', (x, y) => {
    const [a, b, c] = [x, y, 1].map((value) => new Value(value));
    const result = f(a, b);
    result.backward();
    expect(forwardDerivative(result, a)).toBeCloseTo(a.gradient, 10);
    expect(forwardDerivative(result, b)).toBeCloseTo(b.gradient, 10);
    expect(forwardDerivative(result, result)).toBe(1);
    expect(forwardDerivative(result, c)).toBe(0);
  });
});

describe('exercise 3', () => {
  test('the network computes the exclusive or', () => {
    const network = learnXor();
    for (const x1 of [-1, 1])
      for (const x2 of [-1, 1]) {
        const output = network(x1, x2).data;
        expect(Math.sign(output), `the sign of ${output}, for ${x1} and ${x2}`).toBe(x1 === x2 ? -1 : 1);
      }
  });

  test('it is made of values, so it can be trained further', () => {
    const y = learnXor()(1, -1);
    y.backward();
    expect(y.gradient).toBe(1);
    expect(y.inputs.length).toBeGreaterThan(0);
  });
});
