import { describe, expect, test } from 'vitest';
import { memory, tidy } from './scope.js';
import { bitBytes, Workspace } from './workspace.js';

describe('Workspace', () => {
  test('its tensors share memory, outlive tidy, and give it back', () => {
    const before = memory();
    const workspace = new Workspace(64);
    const [floats, words] = tidy(() => [workspace.tensor('f32', [2, 8]), workspace.bits([1, 70])]);
    floats.values[1] = -2;
    expect(words.words[1]).toBe(0xc0000000);
    workspace.dispose();
    expect(floats.values[1]).toBe(-2);
    floats.dispose();
    words.dispose();
    expect(memory()).toEqual(before);
  });

  test('what does not fit is refused', () => {
    const workspace = new Workspace(64);
    expect(() => workspace.tensor('f32', [17])).toThrow('a workspace of 64 bytes has no room for a tensor of 68 bytes');
    expect(() => workspace.bits([17, 1])).toThrow(RangeError);
    expect(bitBytes([17, 1])).toBe(68);
    workspace.dispose();
  });
});
