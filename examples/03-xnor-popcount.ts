/**
 * A dot product of signs, computed with xor and popcount.
 *
 *     node examples/03-xnor-popcount.js
 *
 * A sign is one bit: 1 for −1, 0 for +1. The product of two signs is −1 exactly if their bits differ, that is, if their
 * xor is 1. If d of n signs differ, the dot product is (n − d) − d = n − 2·d, where d is popcount(a xor b).
 */
import { bitMatmul, matmul, packBits, Rng, type Tensor, unpackBits, wordBits } from '@mobinet/tensor';

const n = 20;
const rng = Rng.fromSeed(3);
const a = rng.normal([1, n]);
const b = rng.normal([1, n]);

// `packBits` keeps only the signs. 20 of them fit into one 32-bit word, whose 12 unused bits are 0.
const bitsA = packBits(a);
const bitsB = packBits(b);
const wordA = bitsA.words[0];
const wordB = bitsB.words[0];

const differences = (wordA ^ wordB) >>> 0;
const count = countOnes(differences);

/** Signs and bits are printed in the same order: the first element, in the lowest bit, is on the left. */
const showSigns = (x: Tensor): string => Array.from(x.values, (value) => (value < 0 ? '−' : '+')).join('');
const showBits = (word: number): string => [...word.toString(2).padStart(wordBits, '0')].reverse().join('');

console.log(`a          ${showSigns(a)}`);
console.log(`b          ${showSigns(b)}`);
console.log(`bits of a  ${showBits(wordA)}`);
console.log(`bits of b  ${showBits(wordB)}`);
console.log(`a xor b    ${showBits(differences)}`);
console.log(`           ${'↑'.repeat(n)}${'·'.repeat(wordBits - n)}  the unused bits are equal, so they never count\n`);

const byBits = n - 2 * count;
console.log(`popcount(a xor b) = ${count}`);
console.log(`n − 2·popcount    = ${n} − 2·${count} = ${byBits}`);

// The library's operations on bits, and on floats ±1, give the same result.
const byBitMatmul = await bitMatmul(bitsA, bitsB).item();
const byMatmul = await matmul(unpackBits(bitsA), unpackBits(bitsB), { transposeB: true }).item();
console.log(`bitMatmul         = ${byBitMatmul}`);
console.log(`matmul of floats  = ${byMatmul}`);
if (byBits !== byBitMatmul || byBits !== byMatmul) throw new Error('the dot products differ');

console.log(
  `\n${n} floats take ${4 * n} bytes, ${n} signs ${bitsA.words.byteLength}: rows of bits are padded to whole words.`,
);

/** Clears the lowest 1 until none is left (Kernighan). The library counts all bits in parallel: see popcount.ts. */
function countOnes(word: number): number {
  let ones = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) ones++;
  return ones;
}
