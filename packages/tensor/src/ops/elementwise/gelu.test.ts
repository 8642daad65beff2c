import { test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { tensor, zeros } from '../../create.js';
import type { Tensor } from '../../tensor.js';
import { checkOp, shapes, tensors } from '../../testing/index.js';
import { sub } from './binary.js';
import { gelu } from './gelu.js';

const inputs = shapes({ maxRank: 3, maxSize: 4 }).chain((shape) => tensors(shape));

describe('gelu', () => {
  for (const approximate of ['none', 'tanh'] as const) {
    test.prop([inputs], { numRuns: 30 })(`obeys the laws of ops (${approximate})`, (x) => {
      checkOp((x: Tensor) => gelu(x, { approximate }), [x]);
    });
  }

  test('is x·Φ(x), to the last digits also where Φ is tiny', () => {
    const x = [-10, -5, -1, 0, 1, 2];
    const exact = [-7.61985302416e-23, -1.43325785969e-6, -0.158655253931, 0, 0.841344746069, 1.9544997361];
    gelu(tensor(x)).values.forEach((y, at) => {
      expect(Math.abs(y - exact[at])).toBeLessThanOrEqual(3e-5 * Math.abs(exact[at]));
    });
  });

  test('by tanh differs from it by less than 1e-3', () => {
    const x = tensor(Array.from({ length: 1601 }, (_, at) => (at - 800) / 100));
    const differences = sub(gelu(x), gelu(x, { approximate: 'tanh' })).values.map(Math.abs);
    expect(Math.max(...differences)).toBeLessThan(1e-3);
    expect(Math.max(...differences)).toBeGreaterThan(1e-4);
  });

  test('refuses other options', () => {
    const x = zeros([1]);
    expect(() => gelu(x, { approximate: 'erf' as 'none' })).toThrow(
      new RangeError('gelu: approximate must be one of none, tanh, not "erf"'),
    );
    // @ts-expect-error: a record
    expect(() => gelu(x, 'tanh')).toThrow(TypeError);
  });
});
