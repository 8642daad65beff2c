/**
 * MurmurHash3 in its 128-bit variant for 32-bit machines (Austin Appleby, 2011, public domain), as 32 hexadecimal
 * digits. It detects accidental damage by disks, networks and editors, and is fast with JavaScript's 32-bit integers.
 * It is not cryptographic: it does not protect from tampering.
 *
 * @param mix Mixes whole blocks of four words. Default: the definition.
 */
export function murmur3(bytes: Uint8Array, mix: (words: Uint32Array) => Lanes = mixBlocks): string {
  // A Uint32Array needs an aligned address; other bytes are copied first.
  const isAligned = bytes.byteOffset % 4 === 0;
  const { buffer, byteOffset, length } = isAligned ? bytes : bytes.slice();
  const words = new Uint32Array(buffer, byteOffset, (length >>> 4) << 2);
  let [a, b, c, d] = mix(words);
  // The remaining bytes (fewer than 16), padded with zeros: a word of zeros does not change the hash.
  const tail = new Uint8Array(16);
  tail.set(bytes.subarray(4 * words.length));
  const last = new Uint32Array(tail.buffer);
  a ^= mixWord(last[0], A, 15, B);
  b ^= mixWord(last[1], B, 16, C);
  c ^= mixWord(last[2], C, 17, D);
  d ^= mixWord(last[3], D, 18, A);
  const mixed = mixLanes([a, b, c, d].map((lane) => lane ^ length)).map(finalMix);
  return mixLanes(mixed)
    .map((lane) => (lane >>> 0).toString(16).padStart(8, '0'))
    .join('');
}

/** The state of the hash, 32 bits each. */
export type Lanes = readonly [number, number, number, number];

/** Mixes words into a new state, four at a time. */
export function mixBlocks(words: Uint32Array): Lanes {
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let at = 0; at < words.length; at += 4) {
    a ^= mixWord(words[at], A, 15, B);
    a = (Math.imul(rotateLeft(a, 19) + b, 5) + 0x561ccd1b) | 0;
    b ^= mixWord(words[at + 1], B, 16, C);
    b = (Math.imul(rotateLeft(b, 17) + c, 5) + 0x0bcaa747) | 0;
    c ^= mixWord(words[at + 2], C, 17, D);
    c = (Math.imul(rotateLeft(c, 15) + d, 5) + 0x96cd1c35) | 0;
    d ^= mixWord(words[at + 3], D, 18, A);
    d = (Math.imul(rotateLeft(d, 13) + a, 5) + 0x32ac3b17) | 0;
  }
  return [a, b, c, d];
}

/** The multipliers of the four lanes. */
export const [A, B, C, D] = [0x239b961b, 0xab0e9789, 0x38b34ae5, 0xa1e38b93];

const rotateLeft = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));

const mixWord = (word: number, first: number, bits: number, second: number): number =>
  Math.imul(rotateLeft(Math.imul(word, first), bits), second);

/** Makes each lane depend on all others. */
function mixLanes([a, b, c, d]: readonly number[]): number[] {
  const sum = (a + b + c + d) | 0;
  return [sum, b + sum, c + sum, d + sum];
}

/** Murmur's `fmix32`: flipping one input bit flips each output bit with a probability of about one half. */
function finalMix(lane: number): number {
  let x = lane;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}
