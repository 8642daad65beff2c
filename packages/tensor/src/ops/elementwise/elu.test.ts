import { describe, expect, test } from 'vitest';
import { tensor, zeros } from '../../create.js';
import { elu } from './elu.js';

// unary.test.ts holds it to the laws of ops.

describe('elu', () => {
  test('tends to −α on the left, and is exact near 0', () => {
    const y = elu(tensor([-100, -(2 ** -30), 0, 2]), { alpha: 2 }).values;
    expect([...y]).toEqual([-2, -(2 ** -29), 0, 2]);
  });

  test('refuses an α that is not a number', () => {
    expect(() => elu(zeros([1]), { alpha: Number.NaN })).toThrow(
      new RangeError('elu: alpha must be a finite number, not NaN'),
    );
    // @ts-expect-error: a record of options
    expect(() => elu(zeros([1]), 0.5)).toThrow(TypeError);
  });
});
