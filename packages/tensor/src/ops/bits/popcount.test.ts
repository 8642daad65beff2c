import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { popcount32 } from './popcount.js';

describe('popcount32', () => {
  test.prop([fc.integer()])('counts the ones of any signed or unsigned word', (word) => {
    const ones = [...(word >>> 0).toString(2)].filter((digit) => digit === '1').length;
    expect(popcount32(word)).toBe(ones);
    expect(popcount32(word >>> 0)).toBe(ones);
  });

  test('counts words of all zeros and all ones', () => {
    expect(popcount32(0)).toBe(0);
    expect(popcount32(-1)).toBe(32);
    expect(popcount32(0xffffffff)).toBe(32);
    expect(popcount32(0x80000000)).toBe(1);
  });
});
