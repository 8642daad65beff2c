import type { SignsAndZeros } from './exercise.js';

export type { SignsAndZeros };

export function packSigns(numbers: readonly number[]): Uint32Array {
  const words = new Uint32Array(Math.ceil(numbers.length / 32));
  numbers.forEach((number, i) => {
    if (number < 0) words[i >>> 5] |= 1 << (i & 31);
  });
  return words;
}

/** Sums in fields of 2, 4 and 8 bits; the multiplication adds the four bytes. `popcount.ts` of tensor explains it. */
export function popcount(word: number): number {
  const pairs = (word & 0x55555555) + ((word >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  const bytes = (nibbles & 0x0f0f0f0f) + ((nibbles >>> 4) & 0x0f0f0f0f);
  return Math.imul(bytes, 0x01010101) >>> 24;
}

export function dotWithZeros(a: SignsAndZeros, b: SignsAndZeros, n: number): number {
  const positions = n === 32 ? 0xffffffff : (1 << n) - 1;
  const counted = positions & ~(a.isZero | b.isZero);
  return popcount(counted) - 2 * popcount((a.signs ^ b.signs) & counted);
}

/** Where a bit is 1, its product with the sign is ±1: the ones minus twice those that meet a −1. */
export function dotOfTwoBits({ low, high }: { readonly low: number; readonly high: number }, signs: number): number {
  const dotOfBits = (bits: number): number => popcount(bits) - 2 * popcount(bits & signs);
  return dotOfBits(low) + 2 * dotOfBits(high);
}
