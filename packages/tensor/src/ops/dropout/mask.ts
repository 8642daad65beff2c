import { threefry } from '../../random.js';

// Which elements `dropout` keeps. A number u is drawn for each element, uniform in [0, 1), and the element is dropped if
// u < rate. Only as many binary digits of u are drawn as decide that: two on average, where a whole number of 32 bits
// would take longer than everything else that the operation does.

/** Elements that are decided together: four words of the mask. */
export const groupSize = 128;
/** Groups that share a generator. Blocks of that many groups are drawn independently, in any order. */
export const blockGroups = 8;
/** Digits that are drawn before the first test whether all elements of a group are decided. */
export const fewestDigits = 8;

/** What a mask depends on, besides the number of the draw. */
export interface MaskAttributes {
  /** The probability of being dropped, from 0 to below 1. */
  readonly rate: number;
  /** The key of an `Rng`. */
  readonly key: readonly [number, number];
}

/** The binary digits of a rate behind the point, 32 of them as a word, and how many there are before the zeros. */
export function digitsOf(rate: number): { word: number; count: number } {
  // Only rates next to 1 round to 2³².
  const word = Math.min(2 ** 32 - 1, Math.round(rate * 2 ** 32));
  return { word, count: word === 0 ? 0 : Math.clz32(word & -word) + 1 };
}

/** The length of the mask of a number of elements. */
export const maskLength = (size: number): number => 4 * Math.ceil(size / groupSize);

/**
 * Draws a mask. Element 4·v + lane of a group is bit 31 − v of the group's word `lane`, so that a vector of four
 * elements finds its bits in the four lanes of one vector. A bit is 1 where the element is kept.
 *
 * @param draw How many masks have been drawn with this key before.
 */
export function drawMask(mask: Int32Array, { rate, key }: MaskAttributes, draw: number): void {
  const { word, count } = digitsOf(rate);
  let generators: readonly (() => number)[] = [];
  for (let at = 0; at < mask.length; at += 4) {
    if (at % (4 * blockGroups) === 0) {
      const first = (8 * at) / (4 * blockGroups);
      generators = [0, 1, 2, 3].map((lane) =>
        xoshiro128([...threefry(key, first + lane, draw), ...threefry(key, first + 4 + lane, draw)]),
      );
    }
    const dropped = [0, 0, 0, 0];
    const undecided = [-1, -1, -1, -1];
    for (let k = 0; k < count && (k < fewestDigits || undecided.some((bits) => bits !== 0)); k++) {
      const digit = -((word >>> (31 - k)) & 1);
      for (let lane = 0; lane < 4; lane++) {
        const random = generators[lane]();
        // u is smaller than the rate if its first digit that differs is a 0.
        dropped[lane] |= undecided[lane] & digit & ~random;
        undecided[lane] &= ~(digit ^ random);
      }
    }
    for (let lane = 0; lane < 4; lane++) mask[at + lane] = ~dropped[lane];
  }
}

/** The generator xoshiro128++ (Blackman & Vigna, "Scrambled linear pseudorandom number generators", 2021). */
function xoshiro128([a, b, c, d]: readonly number[]): () => number {
  return () => {
    const result = (rotated((a + d) | 0, 7) + a) | 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotated(d, 11);
    return result;
  };
}

const rotated = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));
