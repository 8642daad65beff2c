/**
 * MurmurHash3 in its 128-bit version for 32-bit machines (Austin Appleby, 2011, public domain), as 32 hexadecimal digits. It finds what
 * disks, networks and editors do to a file, at the speed of JavaScript's 32-bit integers; it is no protection from those who mean harm.
 */
export function murmur3(bytes: Uint8Array): string {
  // Words are read in place, which takes an address that they can start at.
  const isAligned = bytes.byteOffset % 4 === 0;
  const { buffer, byteOffset, length } = isAligned ? bytes : bytes.slice();
  const words = new Uint32Array(buffer, byteOffset, (length >>> 4) << 2);
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let at = 0; at < words.length; at += 4) {
    a ^= scrambled(words[at], A, 15, B);
    a = (Math.imul(rotated(a, 19) + b, 5) + 0x561ccd1b) | 0;
    b ^= scrambled(words[at + 1], B, 16, C);
    b = (Math.imul(rotated(b, 17) + c, 5) + 0x0bcaa747) | 0;
    c ^= scrambled(words[at + 2], C, 17, D);
    c = (Math.imul(rotated(c, 15) + d, 5) + 0x96cd1c35) | 0;
    d ^= scrambled(words[at + 3], D, 18, A);
    d = (Math.imul(rotated(d, 13) + a, 5) + 0x32ac3b17) | 0;
  }
  // The last bytes, fewer than four words, followed by zeros: a word of zeros changes nothing.
  const tail = new Uint8Array(16);
  tail.set(bytes.subarray(4 * words.length));
  const last = new Uint32Array(tail.buffer);
  a ^= scrambled(last[0], A, 15, B);
  b ^= scrambled(last[1], B, 16, C);
  c ^= scrambled(last[2], C, 17, D);
  d ^= scrambled(last[3], D, 18, A);
  const mixed = stirred([a, b, c, d].map((lane) => lane ^ length)).map(finished);
  return stirred(mixed)
    .map((lane) => (lane >>> 0).toString(16).padStart(8, '0'))
    .join('');
}

/** The multipliers of the four lanes. */
const A = 0x239b961b;
const B = 0xab0e9789;
const C = 0x38b34ae5;
const D = 0xa1e38b93;

const rotated = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));

const scrambled = (word: number, first: number, bits: number, second: number): number =>
  Math.imul(rotated(Math.imul(word, first), bits), second);

/** Every lane learns of every other. */
function stirred([a, b, c, d]: readonly number[]): number[] {
  const sum = (a + b + c + d) | 0;
  return [sum, b + sum, c + sum, d + sum];
}

/** A bit of the input turns half of the bits of the output. */
function finished(lane: number): number {
  let x = lane;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}
