import { type BitTensor, wordsPerRow } from '../../bit-tensor.js';

// Access to single bits, for the definitions of ops.

/**
 * Visits the elements of a BitTensor in row-major order.
 *
 * @param visit Gets each bit, and its position in row-major order.
 * @param bits Of any shape, on the CPU.
 *
 * @example
 * ```ts
 * import { packBits, tensor } from '@mobinet/tensor';
 * import { forEachBit } from '@mobinet/tensor/kernels';
 *
 * const positions: number[] = [];
 * forEachBit(packBits(tensor([-1, 2, -3])), (bit, at) => bit === 1 && positions.push(at));
 * console.log(`negative at ${positions}`);
 * // → negative at 0,2
 * ```
 */
export function forEachBit({ words, rowLength, size }: BitTensor, visit: (bit: number, at: number) => void): void {
  const rowWords = wordsPerRow(rowLength);
  for (let at = 0; at < size; at++) {
    const column = at % rowLength;
    const word = words[((at - column) / rowLength) * rowWords + (column >>> 5)];
    visit((word >>> (column & 31)) & 1, at);
  }
}

/** The signs as numbers ±1, in row-major order. */
export function signsOf(bits: BitTensor): Int8Array {
  const signs = new Int8Array(bits.size);
  forEachBit(bits, (bit, at) => {
    signs[at] = bit === 1 ? -1 : 1;
  });
  return signs;
}

/**
 * Writes all elements of a BitTensor: 1 where `isSet(at)` is true, else 0.
 *
 * @param bits Of any shape, on the CPU.
 * @param isSet Gets the position of an element in row-major order.
 *
 * @example
 * ```ts
 * import { ones, packBits, unpackBits } from '@mobinet/tensor';
 * import { setBits } from '@mobinet/tensor/kernels';
 *
 * const bits = packBits(ones([4]));
 * setBits(bits, (at) => at % 2 === 0);
 * console.log(`${unpackBits(bits).values}`);
 * // → -1,1,-1,1
 * ```
 */
export function setBits({ words, rowLength, size }: BitTensor, isSet: (at: number) => boolean): void {
  const rowWords = wordsPerRow(rowLength);
  words.fill(0);
  for (let at = 0; at < size; at++) {
    const column = at % rowLength;
    words[((at - column) / rowLength) * rowWords + (column >>> 5)] |= Number(isSet(at)) << (column & 31);
  }
}
