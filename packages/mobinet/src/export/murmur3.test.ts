import { fc, test } from '@fast-check/vitest';
import { tensor } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import { murmur3 } from './murmur3.js';
import { murmur3OfTensor } from './murmur3.wasm.js';

const hashOf = (text: string): string => murmur3(new TextEncoder().encode(text));

describe('murmur3', () => {
  // From the reference implementation (MurmurHash3_x86_128, seed 0), as quoted by Wikipedia and by other packages.
  test('gives the published hashes', () => {
    expect(hashOf('')).toBe('00000000000000000000000000000000');
    expect(hashOf('The quick brown fox jumps over the lazy dog')).toBe('2f1583c3ecee2c675d7bf66ce5e91d2c');
    expect(hashOf("I will not buy this tobacconist's, it is scratched.")).toBe('9b5b7ba2ef3f7866889adeaf00f3f98e');
  });

  test.prop([fc.uint8Array({ maxLength: 70 }), fc.nat(7)], { numRuns: 60 })(
    'does not depend on the alignment of the bytes, and changes with each of them',
    (bytes, offset) => {
      const moved = new Uint8Array(offset + bytes.length).subarray(offset);
      moved.set(bytes);
      expect(murmur3(moved)).toBe(murmur3(bytes));
      const longer = new Uint8Array(bytes.length + 1);
      longer.set(bytes);
      expect(murmur3(longer)).not.toBe(murmur3(bytes));
      for (let at = 0; at < bytes.length; at++) {
        moved[at] ^= 1;
        expect(murmur3(moved)).not.toBe(murmur3(bytes));
        moved[at] ^= 1;
      }
    },
  );

  test.prop([fc.uint8Array({ maxLength: 200 })], { numRuns: 60 })('is the same by the kernel', (bytes) => {
    expect(murmur3OfTensor(tensor(bytes))).toBe(murmur3(bytes));
  });
});
