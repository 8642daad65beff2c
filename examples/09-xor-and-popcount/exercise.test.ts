import { fc, test } from '@fast-check/vitest';
import { packBits, tensor, tidy } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import { exercise } from '../lib/exercise.js';
import { countOnes } from './count-ones.js';

const { dotOfTwoBits, dotWithZeros, packSigns, popcount } = await exercise(
  () => import('./exercise.js'),
  () => import('./solution.js'),
);

const words = fc.integer({ min: 0, max: 0xffffffff });

/** Vectors of up to 32 pairs, whose elements are each drawn from a list. */
const pairsOf = (first: readonly number[], second: readonly number[]) =>
  fc.array(fc.tuple(fc.constantFrom(...first), fc.constantFrom(...second)), { minLength: 1, maxLength: 32 });

const dot = (pairs: readonly (readonly [number, number])[]): number => pairs.reduce((sum, [a, b]) => sum + a * b, 0);

/** A word with ones at the positions where a condition holds. */
const wordOf = <T>(items: readonly T[], condition: (item: T) => boolean): number =>
  items.reduce((word, item, i) => (condition(item) ? word | (1 << i) : word), 0) >>> 0;

describe('exercise 1', () => {
  test('the first number is the lowest bit, and 0 counts as positive', () => {
    expect([...packSigns([-1, 2, -0.5, 0])]).toEqual([0b101]);
  });

  test.prop([fc.array(fc.integer({ min: -3, max: 3 }), { minLength: 1, maxLength: 100 })])(
    'the words are those of `packBits`',
    (numbers) => {
      expect([...packSigns(numbers)]).toEqual(tidy(() => [...packBits(tensor(numbers)).words]));
    },
  );
});

describe('exercise 2', () => {
  test.each([
    ['00000000', 0],
    ['00000001', 1],
    ['80000000', 1],
    ['0f0f0f0f', 16],
    ['ffffffff', 32],
  ])('popcount(0x%s) is %d', (hexadecimal, ones) => {
    expect(popcount(Number.parseInt(hexadecimal, 16))).toBe(ones);
  });

  test.prop([words])('is that of the loop', (word) => {
    expect(popcount(word)).toBe(countOnes(word));
    // Bitwise operators of JavaScript return signed numbers.
    expect(popcount(word | 0)).toBe(countOnes(word));
  });
});

describe('exercise 3', () => {
  test.prop([pairsOf([-1, 0, 1], [-1, 0, 1]), words])('is the sum of the products', (pairs, anything) => {
    const encode = (numbers: readonly number[]) => ({
      signs: wordOf(numbers, (number) => number < 0),
      isZero: wordOf(numbers, (number) => number === 0),
    });
    const [a, b] = [encode(pairs.map(([a]) => a)), encode(pairs.map(([, b]) => b))];
    expect(dotWithZeros(a, b, pairs.length)).toBe(dot(pairs));
    // The signs of zeros have no meaning.
    const other = { ...a, signs: (a.signs ^ (a.isZero & anything)) >>> 0 };
    expect(dotWithZeros(other, b, pairs.length)).toBe(dot(pairs));
  });
});

describe('exercise 4', () => {
  test.prop([pairsOf([0, 1, 2, 3], [-1, 1])])('is the sum of the products', (pairs) => {
    const low = wordOf(pairs, ([number]) => (number & 1) !== 0);
    const high = wordOf(pairs, ([number]) => (number & 2) !== 0);
    const signs = wordOf(pairs, ([, sign]) => sign < 0);
    expect(dotOfTwoBits({ low, high }, signs)).toBe(dot(pairs));
  });
});
