import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { checkAllGather, checkAllToAll, checkGather, checkLength, type Ranks } from './check-buffers.js';
import { CommunicationError } from './communication-error.js';

const ranksOf = (rank: number, size: number): Ranks => ({
  rank,
  size,
  distance: (a, b) => (a.buffer === b.buffer ? b.byteOffset - a.byteOffset : Number.NaN),
});

describe('buffers of several ranks', () => {
  const part = fc.record({ start: fc.integer({ min: 0, max: 12 }), length: fc.integer({ min: 0, max: 4 }) });

  test.prop([part, part, fc.integer({ min: 0, max: 2 })])(
    'overlap if they have a byte in common',
    (own, other, rank) => {
      const memory = new Uint8Array(40);
      const size = 3;
      const a = memory.subarray(own.start, own.start + own.length);
      const b = memory.subarray(other.start, other.start + size * own.length);
      const indices = (array: Uint8Array): number[] => Array.from(array, (_, i) => array.byteOffset + i);
      const haveCommon = indices(a).some((i) => indices(b).includes(i));
      const isBlock = a.byteOffset === b.byteOffset + rank * own.length;
      const gather = (): boolean => checkAllGather(a, b, ranksOf(rank, size));
      if (haveCommon && !isBlock) expect(gather).toThrow(CommunicationError);
      else expect(gather()).toBe(isBlock);
    },
  );

  test('must be long enough for all ranks', () => {
    const numbers = (length: number): Float64Array => new Float64Array(length);
    expect(() => checkAllGather(numbers(2), numbers(7), ranksOf(1, 4))).toThrow(
      'allGather: the buffers of all ranks have 4 × 16 bytes, but the buffer to receive them has 56. Make both fit',
    );
    expect(() => checkAllToAll(numbers(6), numbers(6), ranksOf(1, 4))).toThrow(
      'allToAll: a buffer of 6 numbers cannot be divided among 4 ranks. Make its length a multiple of 4',
    );
    checkGather(numbers(2), null, ranksOf(1, 4));
    expect(() => checkGather(numbers(2), numbers(2), ranksOf(0, 4))).toThrow(/4 × 16 bytes/);
  });

  test('must not be longer than MPI can count', () => {
    checkLength('broadcast', 2 ** 31 - 1);
    expect(() => checkLength('broadcast', 2 ** 31)).toThrow(
      'broadcast: a rank would send 2147483648 bytes to another, but MPI counts to 2147483647. Exchange the buffer in parts',
    );
  });
});
