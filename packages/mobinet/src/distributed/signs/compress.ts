import type { Tensor } from '@mobinet/tensor/functions';
import { flushed } from '@mobinet/tensor/kernels';
import type { ScaledRun } from './scaled-runs.js';

// The definitions, as plain loops: the kernels of compress.wasm.ts compute the same bits. Every operation is rounded to
// f32, except that the sums of blocks are added in double precision.

/** The signs and scales of all ranks for a slice: together, they are what the server of the slice adds. */
export interface Votes {
  /** The signs of the slice, packed, [ranks, elements / 32]. */
  readonly words: Tensor<'i32'>;
  /** The scales of all segments of the vector, [ranks, segments]. */
  readonly scales: Tensor;
}

/** What a compression works on, besides the numbers to be compressed. */
export interface Compression {
  /** The vector, divided into blocks. */
  readonly blocks: readonly ScaledRun[];
  /** What was compressed last, including what was left over before that. It is replaced. [elements] */
  readonly sums: Tensor;
  /** The scales of the last compression. [runs] */
  readonly scales: Tensor;
  /** The signs of the new sums. [elements / 32] */
  readonly words: Tensor<'i32'>;
}

/**
 * Packs the signs of x + e, where e is what the signs of the last compression left over:
 *
 *     e ← c − scale · sign(c)        c ← x + e
 *
 * Bit 1 is −1, bit 0 is +1, so 0, −0 and NaN are sent as +1. Tiny leftovers are flushed to 0, since denormal numbers
 * are slow. In the last word of a run, the bits after its end are 0, and so are their sums.
 *
 * @param source x: f32 [elements], or the votes that it is the sum of.
 * @returns The sum of |c| over each block.
 */
export function compressPlain(source: Tensor | Votes, { blocks, ...kept }: Compression): Float32Array {
  const [c, scales, words] = [kept.sums.values, kept.scales.values, kept.words.values];
  const valueAt = 'words' in source ? voteReader(source) : elementReader(source);
  return Float32Array.from(blocks, ({ first, length, scale, segment }) => {
    const places = new Float32Array(sumPlaces);
    for (let i = first; i < first + 32 * Math.ceil(length / 32); i++) {
      const leftover = flushed(Math.fround(c[i] - signed(scales[scale], c[i] < 0)));
      c[i] = i < first + length ? valueAt(i, segment) + leftover : 0;
      setBit(words, i, c[i] < 0);
      places[i % sumPlaces] += Math.abs(c[i]);
    }
    return sumOfHalves(places);
  });
}

/**
 * The order of a sum determines its rounding. In a block, the elements at each of 16 places are added up, from the first
 * to the last: element i is at place i modulo 16. Then the second half of the places is added to the first, until one is
 * left.
 */
export const sumPlaces = 16;

function sumOfHalves(places: Float32Array): number {
  for (let half = places.length / 2; half >= 1; half /= 2) {
    for (let place = 0; place < half; place++) places[place] += places[place + half];
  }
  return places[0];
}

/** Reads element i, which lies in a segment. */
type Reader = (i: number, segment: number) => number;

const elementReader =
  ({ values }: Tensor): Reader =>
  (i) =>
    values[i];

/** Sums the votes for an element, in the order of the ranks. */
function voteReader(votes: Votes): Reader {
  const [words, scales] = [votes.words.values, votes.scales.values];
  const [ranks, segments] = votes.scales.shape;
  const elements = 32 * votes.words.shape[1];
  return (i, segment) => {
    let sum = 0;
    for (let rank = 0; rank < ranks; rank++) {
      sum = Math.fround(sum + signed(scales[rank * segments + segment], getBit(words, rank * elements + i)));
    }
    return sum;
  };
}

/**
 * The scale of each run: the mean of |c|, from the sums over its blocks. No other scale leaves a
 * shorter error.
 *
 * @param blockSums What compressing has returned.
 * @param scales Receives them: f32 [runs].
 */
export function scalesOf(blocks: readonly ScaledRun[], blockSums: Float32Array, { values: scales }: Tensor): void {
  const totals = new Float64Array(scales.length);
  const lengths = new Float64Array(scales.length);
  for (const [index, { scale, length }] of blocks.entries()) {
    totals[scale] += blockSums[index];
    lengths[scale] += length;
  }
  // Slices with fewer runs than others have scales that nobody reads.
  for (let scale = 0; scale < scales.length; scale++) {
    scales[scale] = lengths[scale] === 0 ? 0 : totals[scale] / lengths[scale];
  }
}

/**
 * Computes scale · sign for all elements of all blocks. What follows a block in its last word becomes 0.
 *
 * @param words Packed signs, [elements / 32].
 * @param scales f32, of any shape.
 * @param values The result: f32 [elements].
 */
export function expandPlain(
  blocks: readonly ScaledRun[],
  { values: words }: Tensor<'i32'>,
  { values: scales }: Tensor,
  { values }: Tensor,
): void {
  for (const { first, length, scale } of blocks) {
    for (let i = first; i < first + 32 * Math.ceil(length / 32); i++) {
      values[i] = i < first + length ? signed(scales[scale], getBit(words, i)) : 0;
    }
  }
}

const signed = (scale: number, isNegative: boolean): number => (isNegative ? -scale : scale);

const getBit = (words: Int32Array, i: number): boolean => ((words[i >>> 5] >>> (i & 31)) & 1) === 1;

function setBit(words: Int32Array, i: number, bit: boolean): void {
  const mask = 1 << (i & 31);
  if (bit) words[i >>> 5] |= mask;
  else words[i >>> 5] &= ~mask;
}
