import type { Module } from '@mobinet/autograd';

/** The signs of all binary weights: by the name of the parameter, 32 signs per word in their order, 1 for −1. */
export type Signs = ReadonlyMap<string, Uint32Array>;

/** How the signs of one layer's weights have changed in an epoch. */
export interface SignChanges {
  /** The number of weights. */
  readonly weights: number;
  /** How many of them are −1. */
  readonly negative: number;
  /** How many have another sign than at the end of the previous epoch; null if those signs are not known. */
  readonly flipped: number | null;
}

/** Reads the signs of all binary weights of a network. */
export async function signsOf(model: Module): Promise<Signs> {
  const binary = [...model.parameters()].filter(([, { binary }]) => binary);
  return new Map(await Promise.all(binary.map(async ([name, weight]) => [name, packed(await weight.data())] as const)));
}

/** Packs signs densely, unlike a `BitTensor`, whose rows are padded to whole words: most rows have only a few signs. */
function packed(weights: Float32Array): Uint32Array {
  const words = new Uint32Array(wordsFor(weights.length));
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] < 0) words[i >> 5] |= 1 << (i & 31);
  }
  return words;
}

/** The number of words that hold the signs of so many weights. */
export const wordsFor = (weights: number): number => Math.ceil(weights / 32);

/**
 * Compares the signs of a network with earlier ones, layer by layer.
 *
 * @param before The signs at the end of the previous epoch, or null if they are not known.
 */
export function signChanges(model: Module, before: Signs | null, now: Signs): Record<string, SignChanges> {
  const parameters = model.parameters();
  return Object.fromEntries(
    Array.from(now, ([name, words]) => {
      const earlier = before?.get(name);
      const flipped = earlier ? countOnes(words, (word, at) => word ^ earlier[at]) : null;
      return [name, { weights: parameters.get(name)!.size, negative: countOnes(words, (word) => word), flipped }];
    }),
  );
}

function countOnes(words: Uint32Array, select: (word: number, at: number) => number): number {
  return words.reduce((count, word, at) => count + popcount(select(word, at)), 0);
}

/** Counts the ones of a word by adding neighbors: pairs of bits, nibbles, bytes, and then all four bytes at once. */
function popcount(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
