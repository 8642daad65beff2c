import { type BitTensor, wordsPerRow } from '../../bit-tensor.js';
import { popcount32 } from './popcount.js';

/** What each tap of each filter adds where it sees a border of +1: the sum of its signs. [outChannels, taps] */
export function sumOfSignsPerTap(filter: BitTensor): Int32Array {
  const { words, shape, rowLength } = filter;
  const wordsPerTap = wordsPerRow(rowLength);
  const sums = new Int32Array(shape[0] * shape[1] * shape[2]);
  for (let tap = 0; tap < sums.length; tap++) {
    let minusOnes = 0;
    for (let word = 0; word < wordsPerTap; word++) minusOnes += popcount32(words[tap * wordsPerTap + word]);
    sums[tap] = rowLength - 2 * minusOnes;
  }
  return sums;
}
