import { describe, expect, test } from 'vitest';
import { ones, zeros } from './create.js';
import { DisposedError } from './errors.js';
import { tidy } from './scope.js';

describe('a disposed tensor', () => {
  test('is named in the error when it is used', () => {
    const x = zeros([2, 3]);
    x.dispose();
    expect(x.disposed).toBe(true);
    const remedy = 'was disposed. Return it from tidy(), or keep() it, to use it later.';
    expect(() => x.values).toThrow(new DisposedError(`a tensor of shape [2, 3] ${remedy}`));
    x.label = 'units.3.weight';
    expect(() => x.alias()).toThrow(new DisposedError(`units.3.weight ${remedy}`));
  });

  test('cannot be read, even if its elements were read before', async () => {
    let escaped = zeros([1]);
    tidy(() => {
      escaped = ones([1]);
      expect(escaped.values[0]).toBe(1);
    });
    await expect(escaped.data()).rejects.toThrow(DisposedError);
  });
});

describe('a tensor', () => {
  test('has its own id, and so does a view', () => {
    const x = zeros([4]);
    expect(new Set([x.id, x.alias().id, zeros([4]).id]).size).toBe(3);
  });

  test('returns a copy of its elements, or its only element', async () => {
    const x = ones([2]);
    const copy = await x.data();
    x.values[0] = 5;
    expect([...copy]).toEqual([1, 1]);
    expect(await ones([1, 1]).item()).toBe(1);
    await expect(x.item()).rejects.toThrow('item: a tensor of shape [2] has 2 elements, not one');
  });
});
