import { bitMatmul, packBits, tensor, tidy } from '@mobinet/tensor';

/** The dot product of two vectors of signs: their bits, which of them differ, and the result of the library's op. */
export function dotProduct(a: readonly number[], b: readonly number[]) {
  return tidy(() => {
    const [bitsA, bitsB] = [a, b].map((signs) => packBits(tensor([signs])));
    const differing = (bitsA.words[0] ^ bitsB.words[0]) >>> 0;
    const bits = (word: number): number[] => a.map((_, index) => (word >>> index) & 1);
    return {
      a: bits(bitsA.words[0]),
      b: bits(bitsB.words[0]),
      differing: bits(differing),
      count: bits(differing).reduce((sum, bit) => sum + bit, 0),
      result: bitMatmul(bitsA, bitsB).values[0],
    };
  });
}
