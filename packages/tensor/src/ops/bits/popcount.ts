/**
 * How many bits of a 32-bit word are 1.
 *
 * JavaScript has no such instruction, so the word is summed as ever wider fields, all of them at once
 * (Warren, "Hacker's Delight", 2nd ed., section 5–1; the technique is called SWAR, SIMD within a register):
 *
 * 1. Sixteen fields of 2 bits. A field holds 2p + q; its count is p + q = (2p + q) − p, one subtraction of the bits p.
 * 2. Eight fields of 4 bits: add neighbours, masked first, since two counts of up to 2 would overflow 2 bits.
 * 3. Four bytes: add neighbours, masked afterwards, since their sum of up to 8 still fits into 4 bits.
 * 4. The four bytes: a multiplication by 0x01010101 adds them all up in the topmost byte.
 */
export function popcount32(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  const bytes = (nibbles + (nibbles >>> 4)) & 0x0f0f0f0f;
  return Math.imul(bytes, 0x01010101) >>> 24;
}
