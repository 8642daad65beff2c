/**
 * Products of signs without a multiplication: first of two vectors, then of two matrices.
 *
 *     npm run chapter 9
 *
 * A sign is one bit: 1 for −1, 0 for +1. The product of two signs is −1 exactly if their bits differ, that is, if their
 * xor is 1. If d of n signs differ, the dot product is (n − d) − d = n − 2·d, where d is popcount(a xor b).
 */
import { type BitTensor, bitMatmul, bitTensor, matmul, packBits, Rng, unpackBits, wordBits } from '@mobinet/tensor';
import { countOnes } from './count-ones.js';

const rng = Rng.fromSeed(3);

// 1. A dot product. `packBits` keeps only the signs. 20 of them fit into one word of 32 bits; its 12 unused bits are 0.
const n = 20;
const [a, b] = [packBits(rng.normal([1, n])), packBits(rng.normal([1, n]))];
const [wordA, wordB] = [a.words[0], b.words[0]];
const differences = (wordA ^ wordB) >>> 0;

/** Signs and bits are printed in the same order: the first element, in the lowest bit, is on the left. */
const showBits = (word: number): string => [...word.toString(2).padStart(wordBits, '0')].reverse().join('');
const showSigns = (bits: BitTensor): string =>
  Array.from(unpackBits(bits).values, (sign) => (sign < 0 ? '−' : '+')).join('');

console.log(`a          ${showSigns(a)}`);
console.log(`b          ${showSigns(b)}`);
console.log(`bits of a  ${showBits(wordA)}`);
console.log(`bits of b  ${showBits(wordB)}`);
console.log(`a xor b    ${showBits(differences)}`);
console.log(`           ${'↑'.repeat(n)}${'·'.repeat(wordBits - n)}  the unused bits are equal, so they never count`);

const dot = n - 2 * countOnes(differences);
const byFloats = await matmul(unpackBits(a), unpackBits(b), { transposeB: true }).item();
console.log(`\nn − 2·popcount(a xor b) = ${n} − 2·${countOnes(differences)} = ${dot}`);
console.log(`by multiplying floats   = ${byFloats}`);
if (dot !== byFloats) throw new Error('the dot products differ');

// 2. The product a·bᵀ of two matrices: the dot product of each row of a with each row of b.
/** Returns the product of two matrices of signs, and how many pairs of words it took. */
function multiply(a: BitTensor, b: BitTensor): { product: number[][]; pairs: number } {
  const words = Math.ceil(a.rowLength / wordBits);
  const rowsOf = ({ shape, words: all }: BitTensor): Uint32Array[] =>
    Array.from({ length: shape[0] }, (_, row) => all.subarray(row * words, (row + 1) * words));
  const differing = (x: Uint32Array, y: Uint32Array): number =>
    x.reduce((sum, word, i) => sum + countOnes(word ^ y[i]), 0);
  const product = rowsOf(a).map((x) => rowsOf(b).map((y) => a.rowLength - 2 * differing(x, y)));
  return { product, pairs: a.shape[0] * b.shape[0] * words };
}

const [rows, columns, signs] = [6, 5, 1000];
const [left, right] = [packBits(rng.normal([rows, signs])), packBits(rng.normal([columns, signs]))];
const { product, pairs } = multiply(left, right);
console.log(`\n[${rows}, ${signs}] · [${columns}, ${signs}]ᵀ`);
for (const row of product) console.log(row.map((count) => String(count).padStart(6)).join(''));

const byKernel = bitMatmul(left, right).values;
const inFloats = matmul(unpackBits(left), unpackBits(right), { transposeB: true }).values;
if (String(product.flat()) !== String(byKernel)) throw new Error('bitMatmul gives another product');
if (String(product.flat()) !== String(inFloats)) throw new Error('floats have another product');
console.log('bitMatmul gives the same, and so do floats.');

const multiplyAdds = rows * columns * signs;
const bytes = (rows + columns) * signs * 4;
const packedBytes = left.words.byteLength + right.words.byteLength;
console.log(`\nmultiply-adds: ${multiplyAdds}; pairs of words: ${pairs}; quotient: ${multiplyAdds / pairs}`);
console.log(`bytes as floats: ${bytes}; as bits: ${packedBytes}; quotient: ${bytes / packedBytes}`);

// 3. Unused bits must be 0 on both sides, or they count as differences.
const spoiled = (wordA | (0xffffffff << n)) >>> 0;
console.log(`\nwith ones in the unused bits of a: ${n} − 2·${countOnes(spoiled ^ wordB)}, which is wrong`);
let refusal = '';
try {
  bitTensor(Uint32Array.of(spoiled), [1, n]);
} catch (error) {
  [refusal] = String(error).split('\n');
}
if (refusal === '') throw new Error('the library accepts such words');
console.log(`the library refuses such words: ${refusal}`);
