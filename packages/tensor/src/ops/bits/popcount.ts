/**
 * The number of bits that are 1 in a 32-bit word.
 *
 * JavaScript has no instruction for this, so the bits are summed in parallel in fields of increasing width, a technique
 * called SWAR (SIMD within a register; Warren, "Hacker's Delight", 2nd ed., section 5–1):
 *
 * 1. Sixteen fields of 2 bits. A field holds 2p + q, and its count is p + q = (2p + q) − p: one subtraction of all p.
 * 2. Eight fields of 4 bits. Neighbors are masked before they are added: two counts of up to 2 would overflow 2 bits.
 * 3. Four bytes. Neighbors are masked after they are added, since their sum of up to 8 fits into 4 bits.
 * 4. The whole word. A multiplication by 0x01010101 adds up the four bytes in the top byte.
 */
export function popcount32(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  const bytes = (nibbles + (nibbles >>> 4)) & 0x0f0f0f0f;
  return Math.imul(bytes, 0x01010101) >>> 24;
}
