import { test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { arange, zeros } from '../../create.js';
import { ShapeError } from '../../errors.js';
import { checkGradient } from '../../testing/index.js';
import { floats } from './oracle.test.helper.js';
import { reshape, squeeze, unsqueeze } from './reshape.js';

describe('reshape', () => {
  test('shares memory, and computes an axis of −1', () => {
    const x = arange(12);
    const y = reshape(x, [3, -1]);
    expect(y.shape).toEqual([3, 4]);
    y.values[5] = 100;
    expect(x.values[5]).toBe(100);
    x.dispose();
    expect(y.values[5]).toBe(100);
  });

  test.prop([floats()], { numRuns: 20 })('has the gradient of a copy', (x) => {
    checkGradient((x) => reshape(x, [-1]), [x]);
  });

  test.each([[[5]], [[-1, -1]], [[-1, 5]], [[3, -2]], [[2, 2]], [[0, -1]]])('refuses %j for 6 elements', (shape) => {
    expect(() => reshape(zeros([6]), shape)).toThrow(ShapeError);
  });

  test('squeeze and unsqueeze remove and add axes of size 1', () => {
    const x = zeros([1, 3, 1]);
    expect(squeeze(x).shape).toEqual([3]);
    expect(squeeze(x, -1).shape).toEqual([1, 3]);
    expect(unsqueeze(x, -1).shape).toEqual([1, 3, 1, 1]);
    expect(unsqueeze(x, 1).shape).toEqual([1, 1, 3, 1]);
    expect(() => squeeze(x, 1)).toThrow('axes [1] are not all of size 1');
  });

  test('squeeze and unsqueeze take several axes', () => {
    expect(unsqueeze(zeros([2, 3]), [0, -1, 2]).shape).toEqual([1, 2, 1, 3, 1]);
    expect(unsqueeze(zeros([]), [0, 1]).shape).toEqual([1, 1]);
    expect(unsqueeze(zeros([2]), []).shape).toEqual([2]);
    expect(squeeze(zeros([1, 2, 1, 3, 1]), [-1, 0]).shape).toEqual([2, 1, 3]);
    expect(squeeze(zeros([])).shape).toEqual([]);
    expect(() => unsqueeze(zeros([2]), [0, 0])).toThrow('unsqueeze: axes [0,0] repeat an axis');
    expect(() => unsqueeze(zeros([2]), 2)).toThrow('axis 2 is out of range for a tensor of rank 2');
    expect(() => unsqueeze(zeros([2]), undefined as never)).toThrow('needs a list such as [0, 1]');
  });

  test('squeeze removes no other axis of an empty tensor', () => {
    expect(squeeze(zeros([0, 1, 3])).shape).toEqual([0, 3]);
    expect(() => squeeze(zeros([0, 3]), 1)).toThrow('axes [1] are not all of size 1');
  });
});
