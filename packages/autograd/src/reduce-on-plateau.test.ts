import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { ReduceOnPlateau, type ReduceOnPlateauOptions } from './reduce-on-plateau.js';

const ratesOf = (options: Omit<ReduceOnPlateauOptions, 'rate'>, values: readonly number[]) => {
  const plateau = new ReduceOnPlateau({ rate: 1, factor: 0.5, ...options });
  return values.map((value) => plateau.step(value));
};

describe('ReduceOnPlateau', () => {
  test('reduces the rate after more values without progress than its patience', () => {
    expect(ratesOf({ patience: 2 }, [5, 5, 5, 5, 5, 5, 5])).toEqual([1, 1, 1, 0.5, 0.5, 0.5, 0.25]);
    expect(ratesOf({ patience: 0 }, [5, 6, 4, 4])).toEqual([1, 0.5, 0.5, 0.25]);
  });

  test('takes lower or higher values to be better, by more than a fraction', () => {
    expect(ratesOf({ patience: 0, threshold: 0.1 }, [100, 91, 89])).toEqual([1, 0.5, 0.5]);
    expect(ratesOf({ patience: 0, threshold: 0.1, mode: 'max' }, [100, 109, 111])).toEqual([1, 0.5, 0.5]);
    expect(ratesOf({ patience: 0, threshold: 0 }, [2, 2, 1.999])).toEqual([1, 0.5, 0.5]);
  });

  test('waits after a reduction, and stops at the minimum', () => {
    expect(ratesOf({ patience: 0, cooldown: 2 }, [1, 1, 1, 1, 1])).toEqual([1, 0.5, 0.5, 0.5, 0.25]);
    expect(ratesOf({ patience: 0, minimum: 0.3 }, [1, 1, 1, 1])).toEqual([1, 0.5, 0.3, 0.3]);
    expect(ratesOf({ patience: 0, minimum: 2 }, [1, 1])).toEqual([1, 1]);
  });

  test('takes NaN for no progress, also as the first value', () => {
    expect(ratesOf({ patience: 0 }, [Number.NaN, 3, Number.NaN, 2])).toEqual([0.5, 0.5, 0.25, 0.25]);
  });

  test.prop([fc.array(fc.constantFrom(1, 2, 3), { maxLength: 12 }), fc.array(fc.constantFrom(1, 2), { maxLength: 6 })])(
    'goes on from a state that was saved as JSON',
    (before, after) => {
      const options = { rate: 1, patience: 1, cooldown: 1 };
      const [first, second] = [new ReduceOnPlateau(options), new ReduceOnPlateau(options)];
      for (const value of before) first.step(value);
      second.load(JSON.parse(JSON.stringify(first.state)));
      expect(second.rate).toBe(first.rate);
      expect(after.map((value) => second.step(value))).toEqual(after.map((value) => first.step(value)));
    },
  );

  test.each([
    [{ rate: -1 }, /^ReduceOnPlateau: rate must be a number from 0/],
    [{ rate: 1, factor: 1 }, /^ReduceOnPlateau: factor must be .* not 1$/],
    [{ rate: 1, patience: 1.5 }, /^ReduceOnPlateau: patience must be a whole number/],
    [{ rate: 1, mode: 'best' }, /^ReduceOnPlateau: mode must be one of min, max, not "best"$/],
    [{ rate: 1, threshold: -1 }, /^ReduceOnPlateau: threshold must be/],
    [{ rate: 1, cooldown: -1 }, /^ReduceOnPlateau: cooldown must be/],
    [{ rate: 1, minimum: Number.NaN }, /^ReduceOnPlateau: minimum must be/],
    [{ rate: 1, eps: 1 }, /^ReduceOnPlateau has no option "eps"/],
  ])('refuses %j', (options, message) => {
    expect(() => new ReduceOnPlateau(options as never)).toThrow(message);
  });

  test('refuses values and states that are not numbers, and keeps its own', () => {
    const plateau = new ReduceOnPlateau({ rate: 1 });
    expect(() => plateau.step('0.5' as never)).toThrow(/^ReduceOnPlateau: value must be a number, not "0\.5"$/);
    const { state } = plateau;
    expect(() => plateau.load({ ...state, rate: -1 })).toThrow(/^ReduceOnPlateau: state\.rate must be/);
    expect(() => plateau.load({ ...state, best: '1' as never })).toThrow(/^ReduceOnPlateau: state\.best must be/);
    expect(() => plateau.load({ ...state, bad: 0.5 })).toThrow(/^ReduceOnPlateau: state\.bad must be/);
    expect(() => plateau.load(null as never)).toThrow(/^ReduceOnPlateau: state must be an object, not null$/);
    expect(plateau.state).toEqual(state);
  });
});
