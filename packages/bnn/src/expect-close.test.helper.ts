import type { Tensor } from '@mobinet/tensor';
import { expect } from 'vitest';

/** Expects equal shapes, and differences of elements below 1e-4 of the largest, or of `least` if all are smaller. */
export function expectClose(found: Tensor, expected: Tensor, least = 1e-3): void {
  expect(found.shape).toEqual(expected.shape);
  const scale = expected.values.reduce((largest, value) => Math.max(largest, Math.abs(value)), least);
  const error = found.values.reduce((worst, value, at) => Math.max(worst, Math.abs(value - expected.values[at])), 0);
  expect(error / scale).toBeLessThan(1e-4);
}
