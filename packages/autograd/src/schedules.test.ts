import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import {
  constant,
  cosine,
  exponential,
  oneCycle,
  product,
  type Schedule,
  sequence,
  stepDecay,
  warmUp,
} from './schedules.js';

const rates = (schedule: Schedule, steps: number): number[] =>
  Array.from({ length: steps }, (_, step) => schedule(step));
const someSteps = fc.integer({ min: 1, max: 300 });
const someRate = fc.double({ min: 1e-6, max: 10, noNaN: true });

/** Allows for rounding. */
const slack = 1 + 1e-9;

function expectFalling(values: readonly number[]): void {
  expect(values.find((value, i) => i > 0 && !(value <= values[i - 1] * slack))).toBeUndefined();
}

function expectRising(values: readonly number[]): void {
  expect(values.find((value, i) => i > 0 && !(value * slack >= values[i - 1]))).toBeUndefined();
}

describe('constant', () => {
  test('never changes', () => {
    expect([0, 1, 1e6].map(constant(0.1))).toEqual([0.1, 0.1, 0.1]);
  });
});

describe('stepDecay', () => {
  test('changes at its milestones', () => {
    const schedule = stepDecay({ rate: 8, factor: 0.5, at: [2, 5] });
    expect(rates(schedule, 7)).toEqual([8, 8, 4, 4, 4, 2, 2]);
    expect(stepDecay({ rate: 1, at: [] })(100)).toBe(1);
    expect(stepDecay({ rate: 1, at: [0] })(0)).toBe(0.1);
  });
});

describe('exponential', () => {
  test('multiplies the rate at every step, or at every so many', () => {
    expect(rates(exponential({ rate: 8, factor: 0.5 }), 4)).toEqual([8, 4, 2, 1]);
    expect(rates(exponential({ rate: 1, factor: 2, every: 3 }), 7)).toEqual([1, 1, 1, 2, 2, 2, 4]);
  });

  test('is a stepDecay with evenly spaced milestones', () => {
    const milestones = stepDecay({ rate: 0.3, factor: 0.7, at: [5, 10, 15] });
    expect(rates(exponential({ rate: 0.3, factor: 0.7, every: 5 }), 20)).toEqual(rates(milestones, 20));
  });

  test.each([
    [{ rate: -1, factor: 0.5 }, /^exponential: rate must be/],
    [{ rate: 1, factor: 0 }, /^exponential: factor must be a number above 0/],
    [{ rate: 1, factor: 0.5, every: 0 }, /^exponential: every must be a whole number of at least 1, not 0$/],
    [{ rate: 1, factor: 0.5, gamma: 1 }, /^exponential has no option "gamma"/],
  ])('refuses %j', (options, message) => {
    expect(() => exponential(options)).toThrow(message);
  });
});

describe('sequence', () => {
  const falling = stepDecay({ rate: 8, factor: 0.5, at: [1, 2, 3] });

  test('follows one schedule after the other, each from its own start', () => {
    const schedule = sequence({ schedules: [falling, constant(3), falling], at: [2, 4] });
    expect(rates(schedule, 7)).toEqual([8, 4, 3, 3, 8, 4, 2]);
    expect(rates(sequence({ schedules: [falling], at: [] }), 3)).toEqual([8, 4, 2]);
    // Two schedules that begin at the same step: the first of them never runs.
    expect(rates(sequence({ schedules: [constant(1), constant(2), constant(3)], at: [1, 1] }), 3)).toEqual([1, 3, 3]);
  });

  test.prop([someRate, someSteps])('can make a warm-up', (rate, steps) => {
    const after = cosine({ rate, steps });
    const rise = (step: number) => (rate * (step + 1)) / steps;
    const schedule = sequence({ schedules: [rise, after], at: [steps] });
    expect(rates(schedule, 2 * steps)).toEqual(rates(warmUp({ steps, schedule: after }), 2 * steps));
  });

  test.each([
    [{ schedules: [], at: [] }, /^sequence: schedules must not be empty$/],
    [{ schedules: falling, at: [] }, /^sequence: schedules: needs a list such as .*, not a function$/],
    [{ schedules: [falling, 1], at: [1] }, /^sequence: schedules\[1\]: needs a function, not 1$/],
    [{ schedules: [falling], at: 3 }, /^sequence: at: needs a list such as \[100, 200\], not 3$/],
    [{ schedules: [falling, falling], at: [] }, /each schedule but the first: 1 steps, not 0$/],
    [{ schedules: [falling, falling, falling], at: [5, 4] }, /^sequence: at\[1\] must be a whole number of at least 5/],
  ])('refuses %j', (options, message) => {
    expect(() => sequence(options as never)).toThrow(message);
  });
});

describe('product', () => {
  test('multiplies schedules', () => {
    const schedule = product([exponential({ rate: 8, factor: 0.5 }), stepDecay({ rate: 1, factor: 3, at: [2] })]);
    expect(rates(schedule, 4)).toEqual([8, 4, 6, 3]);
    expect(() => product([])).toThrow(/^product must not be empty$/);
    expect(() => product(constant(1) as never)).toThrow(/^product: needs a list/);
    expect(() => product([2 as never])).toThrow(/^product\[0\]: needs a function, not 2$/);
  });
});

describe('cosine', () => {
  test('is half a cosine wave', () => {
    const schedule = cosine({ rate: 2, steps: 4, final: 1 });
    const expected = [2, 1.5 + Math.SQRT1_2 / 2, 1.5, 1.5 - Math.SQRT1_2 / 2, 1, 1];
    expect(rates(schedule, 6)).toEqual(expected.map((rate) => expect.closeTo(rate, 12)));
    expect(cosine({ rate: 0.1, steps: 7 })(7)).toBe(0);
  });

  test.prop([someRate, someSteps])('falls, and never faster than the steepest slope of the wave', (rate, steps) => {
    const values = rates(cosine({ rate, steps }), steps + 3);
    expect(values[0]).toBeCloseTo(rate, 9);
    expectFalling(values);
    const steepest = Math.max(...values.slice(1).map((value, i) => values[i] - value));
    expect(steepest).toBeLessThanOrEqual(((rate * Math.PI) / (2 * steps)) * slack);
  });
});

describe('warmUp', () => {
  test('rises linearly, then follows the schedule from its start', () => {
    const schedule = warmUp({ steps: 4, schedule: stepDecay({ rate: 1, factor: 0.5, at: [2] }) });
    expect(rates(schedule, 8)).toEqual([0.25, 0.5, 0.75, 1, 1, 1, 0.5, 0.5]);
    expect(rates(warmUp({ steps: 0, schedule: constant(3) }), 2)).toEqual([3, 3]);
    expect(rates(warmUp({ steps: 1, schedule: constant(3) }), 2)).toEqual([3, 3]);
  });

  test.prop([someRate, someSteps, someSteps])('has one peak and no jump', (rate, steps, after) => {
    const values = rates(warmUp({ steps, schedule: cosine({ rate, steps: after }) }), steps + after);
    expectRising(values.slice(0, steps));
    expectFalling(values.slice(steps - 1));
    expect(values[steps - 1]).toBeCloseTo(values[steps] ?? rate, 9);
  });
});

describe('oneCycle', () => {
  test('starts at rate/25, peaks at 30 % of the steps, and ends at rate/250 000', () => {
    const schedule = oneCycle({ rate: 0.5, steps: 100 });
    expect(schedule(0)).toBeCloseTo(0.02, 12);
    expect(schedule(29)).toBeCloseTo(0.5, 12);
    expect(schedule(99)).toBeCloseTo(0.5 / 25e4, 12);
    expect(schedule(1000)).toBeCloseTo(0.5 / 25e4, 12);
    // Half-way up and half-way down.
    expect(schedule(14.5)).toBeCloseTo((0.02 + 0.5) / 2, 12);
    expect(schedule(64)).toBeCloseTo((0.5 + 0.5 / 25e4) / 2, 12);
  });

  test('has the phases of OneCycleLR', () => {
    // With PyTorch's constants and 10 steps, the phases end at steps 0.3 · 10 − 1 = 2 and 10 − 1 = 9.
    const peak = 2;
    const expected = Array.from({ length: 10 }, (_, step) => {
      const [from, to, share] = step <= peak ? [0.04, 1, step / peak] : [1, 4e-6, (step - peak) / 7];
      return to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share));
    });
    expect(rates(oneCycle({ rate: 1, steps: 10 }), 10)).toEqual(expected.map((rate) => expect.closeTo(rate, 12)));
    expect(rates(oneCycle({ rate: 1, steps: 10 }), 3)[2]).toBe(1);
  });

  test.prop([someRate, someSteps, fc.double({ min: 0, max: 1, noNaN: true })])(
    'rises to one peak, then falls',
    (rate, steps, rise) => {
      const values = rates(oneCycle({ rate, steps, rise }), steps);
      const top = values.indexOf(Math.max(...values));
      expectRising(values.slice(0, top + 1));
      expectFalling(values.slice(top));
      expect(Math.min(...values)).toBeGreaterThan(0);
      expect(Math.max(...values)).toBeLessThanOrEqual(rate * slack);
    },
  );
});

describe('degenerate lengths', () => {
  test.prop([
    fc.integer({ min: 0, max: 5 }),
    fc.integer({ min: 0, max: 7 }),
    fc.constantFrom(0, 0.1, 0.25, 0.3, 0.5, 1),
  ])('give finite rates', (steps, step, rise) => {
    const schedule = cosine({ rate: 1, steps });
    for (const candidate of [schedule, oneCycle({ rate: 1, steps, rise }), warmUp({ steps, schedule })]) {
      expect(candidate(step)).toSatisfy((rate: number) => rate >= 0 && rate <= 1);
    }
  });

  test('reach the peak if the rise is a single step', () => {
    expect(oneCycle({ rate: 1, steps: 10, rise: 0.1 })(0)).toBe(1);
    expect(oneCycle({ rate: 1, steps: 1, rise: 1 })(0)).toBe(1);
    expect(cosine({ rate: 1, steps: 0, final: 0.5 })(0)).toBe(0.5);
  });
});
