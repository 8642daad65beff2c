import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { tensor, zeros } from '../../create.js';
import type { Tensor } from '../../tensor.js';
import { checkOp, shapes, tensors } from '../../testing/index.js';
import { softplus } from './softplus.js';

describe('softplus', () => {
  const inputs = shapes({ maxRank: 2 }).chain((shape) => tensors(shape));

  test.prop([inputs, fc.constantFrom(0.5, 1, 3)], { numRuns: 30 })('obeys the laws of ops', (x, beta) => {
    checkOp((x: Tensor) => softplus(x, { beta }), [x]);
  });

  test('is ln 2 at 0, and neither overflows nor loses small results', () => {
    const y = softplus(tensor([0, 100, 3e38, -20, -100])).values;
    expect(y[0]).toBeCloseTo(Math.LN2, 6);
    expect([y[1], y[2]]).toEqual([100, Math.fround(3e38)]);
    expect(y[3] / Math.exp(-20)).toBeCloseTo(1, 5);
    expect(y[4]).toBeGreaterThanOrEqual(0);
  });

  test('is x above the threshold', () => {
    expect([...softplus(tensor([1, 3]), { beta: 2, threshold: 5 }).values]).toEqual([
      Math.fround(Math.log1p(Math.exp(2)) / 2),
      3,
    ]);
    // On both sides of it, where values and slopes jump.
    checkOp((x: Tensor) => softplus(x, { beta: 2, threshold: 1 }), [tensor([-1, 0.2, 0.4, 0.6, 1])]);
  });

  test('refuses options out of range', () => {
    expect(() => softplus(zeros([1]), { beta: 0 })).toThrow(
      new RangeError('softplus: beta must be a number above 0, not 0'),
    );
    expect(() => softplus(zeros([1]), { threshold: Number.NaN })).toThrow(
      new RangeError('softplus: threshold must be a finite number, not NaN'),
    );
  });
});
