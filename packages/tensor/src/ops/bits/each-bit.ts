import { type BitTensor, wordsPerRow } from '../../bit-tensor.js';

// Access to single bits, for the definitions of ops.

/** Visits the elements of a BitTensor in row-major order. */
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

/** Writes all elements of a BitTensor: 1 where `isSet(at)` is true, else 0. */
export function setBits({ words, rowLength, size }: BitTensor, isSet: (at: number) => boolean): void {
  const rowWords = wordsPerRow(rowLength);
  words.fill(0);
  for (let at = 0; at < size; at++) {
    const column = at % rowLength;
    words[((at - column) / rowLength) * rowWords + (column >>> 5)] |= Number(isSet(at)) << (column & 31);
  }
}
