import type { TypedArray } from '../dtype.js';
import type { AnyTensor } from '../op-definition.js';
import { formatShape, sameShape } from '../shape.js';

/** A copy of a tensor on the CPU. */
export interface Result {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: TypedArray;
}

export const resultOf = (tensor: AnyTensor): Result => ({
  dtype: tensor.dtype,
  shape: tensor.shape,
  values: elements(tensor),
});

/** Copies a tensor's elements, or a BitTensor's words. */
export function elements(tensor: AnyTensor): Result['values'] {
  return (tensor.dtype === 'bits' ? tensor.words : tensor.values).slice();
}

/**
 * Compares two results: exactly, or for f32 within a tolerance relative to the larger of 1 and the largest element.
 *
 * @param problem Starts the message.
 * @throws Error with one line if they differ.
 */
export function expectEqual(problem: string, expected: Result, actual: Result, tolerance: number): void {
  if (!sameShape(expected.shape, actual.shape)) {
    throw new Error(`${problem}: shapes ${formatShape(expected.shape)} and ${formatShape(actual.shape)}`);
  }
  const allowed = expected.dtype === 'f32' ? tolerance * Math.max(1, largest(expected.values)) : 0;
  expected.values.forEach((value, at) => {
    const other = actual.values[at];
    const equal = Object.is(value, other) || value === other || Math.abs(value - other) <= allowed;
    if (!equal)
      throw new Error(`${problem}: element ${at} of ${formatShape(expected.shape)} is ${other}, not ${value}`);
  });
}

function largest(values: ArrayLike<number>): number {
  let result = 0;
  for (let i = 0; i < values.length; i++)
    if (Number.isFinite(values[i])) result = Math.max(result, Math.abs(values[i]));
  return result;
}
