/**
 * Exercises of chapter 15. Fill in the functions, then run
 *
 *     npm run exercise 15
 */
import { todo } from '../lib/todo.js';

/**
 * 1. Packs the signs of a row of numbers: bit 1 for −1 and bit 0 for +1, the first number in the lowest bit of the first
 * word. The sign of 0 and of −0 is +1. Unused bits are 0.
 *
 * @returns One word for each 32 numbers that begin.
 */
export function packRow(row: readonly number[]): Uint32Array {
  return todo('set bit i % 32 of word ⌊i / 32⌋ where number i is negative');
}

/** What follows a count c of a channel before the next sign: scale · (α · c) + shift. */
export interface Channel {
  readonly alpha: number;
  readonly scale: number;
  readonly shift: number;
}

/**
 * 2. The numbers d of differing signs for which the output of a channel is negative, from `from` up to but not including
 * `to`; `from` = `to` where there are none. The count of n signs is c = n − 2·d. Mind the sign of the scale, and try it
 * with numbers rather than solving the inequality: rounding could put a formula off by one.
 */
export function negativeRange({ alpha, scale, shift }: Channel, n: number): { from: number; to: number } {
  return todo('find the first and the last d in 0 … n whose output is below 0');
}

/** A tensor in the header of a safetensors file. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Where its bytes are, counted from the start of the file. */
  readonly begin: number;
  readonly end: number;
}

/** 3. Reads the header of a safetensors file. `__metadata__` is not a tensor. */
export function readEntries(file: Uint8Array): TensorEntry[] {
  return todo('read the length, parse the JSON after it, and add the length of both to the offsets');
}

/** A binary layer as the engine has it: the signs of its weights, and a range of differing signs for each output. */
export interface BinaryLayer {
  /** The words of the weights of each output. */
  readonly weights: readonly Uint32Array[];
  /** Where the output is −1. */
  readonly ranges: readonly { readonly from: number; readonly to: number }[];
}

/**
 * 4. Runs layers one after another on signs: words in, words out, and only integers between. The outputs of a layer are
 * packed like its inputs.
 */
export function runLayers(layers: readonly BinaryLayer[], input: Uint32Array): Uint32Array {
  return todo('for each output of each layer, count differing bits and compare the count with its range');
}
