import { todo } from '../lib/todo.js';

/** Exercise 1: packs signs into words of 32 bits. A negative number is a 1, and the first number is the lowest bit. */
export function packSigns(numbers: readonly number[]): Uint32Array {
  return todo('set bit i % 32 of word ⌊i / 32⌋ where number i is negative');
}

/** Exercise 2: the number of ones in a word of 32 bits, without a loop and without a branch. */
export function popcount(word: number): number {
  return todo('add the 32 bits in pairs, the 16 sums in pairs, and so on');
}

/**
 * Exercise 3: the dot product of two vectors of −1, 0 and +1. Each has two words: `signs`, whose ones are the −1, and
 * `isZero`, whose ones are the 0. (The signs of zeros may be anything.)
 */
export function dotWithZeros(a: SignsAndZeros, b: SignsAndZeros, n: number): number {
  return todo('only count positions where neither is 0');
}

export interface SignsAndZeros {
  readonly signs: number;
  readonly isZero: number;
}

/**
 * Exercise 4: the dot product of up to 32 numbers from 0 to 3 with signs. The numbers are given by two words: of number
 * i, `low` has the lower bit and `high` the upper one. A 1 in `signs` is a −1.
 */
export function dotOfTwoBits(numbers: { readonly low: number; readonly high: number }, signs: number): number {
  return todo('write each number as low + 2·high, and the dot product as a sum of four popcounts');
}
