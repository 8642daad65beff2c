import { type DType, FormatError, type Tensor } from '@mobinet/tensor/functions';
import { oneLine } from '../data/errors.js';
import { isFiniteTensor } from './is-finite.wasm.js';

/**
 * Checks the structure of JSON that was read from a file: `value` must have the fields of `example`, with values of the
 * same types and lists of the same lengths. Additional fields are allowed.
 *
 * @throws RangeError, one line that names the field.
 */
export function checkLike(value: unknown, example: unknown, name: string): void {
  if (value === undefined) throw new RangeError(`${name} is missing`);
  if (kindOf(value) !== kindOf(example)) {
    throw new RangeError(`${name} must be ${kindOf(example)}, not ${JSON.stringify(value)}`);
  }
  if (Array.isArray(value) && Array.isArray(example) && value.length !== example.length) {
    throw new RangeError(`${name} must have ${example.length} entries, not ${value.length}`);
  }
  if (typeof example !== 'object' || example === null) return;
  const fields = value as Record<string, unknown>;
  for (const [key, part] of Object.entries(example)) {
    checkLike(Object.hasOwn(fields, key) ? fields[key] : undefined, part, `${name}.${key}`);
  }
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return value === null ? 'null' : 'an object';
  return `a ${typeof value}`;
}

/** @throws RangeError unless `value` is a list of `count` distinct names. */
export function checkClasses(value: unknown, count: number): asserts value is readonly string[] {
  const isList = Array.isArray(value) && value.every((name) => typeof name === 'string');
  if (!isList || value.length !== count) {
    throw new RangeError(`classes must be a list of ${count} names${isList ? `, not ${value.length}` : ''}`);
  }
  const duplicate = value.find((name, at) => value.indexOf(name) < at);
  if (duplicate !== undefined) throw new RangeError(`classes lists ${JSON.stringify(duplicate)} twice`);
}

/**
 * Checks that a network can compute with the values of a tensor from a file. Integer tensors always pass.
 *
 * @throws FormatError, one line, if a value is not finite, or is a negative variance (by the name of the tensor).
 */
export function checkFinite(name: string, tensor: Tensor<DType>, source: string): void {
  if (tensor.dtype !== 'f32') return;
  const least = /(^|\.)runningVariance$|^optimizer\.square\./.test(name) ? 0 : Number.NEGATIVE_INFINITY;
  if (least < 0 && isFiniteTensor(tensor as Tensor)) return;
  for (const value of tensor.values as Float32Array) {
    // Comparisons with NaN are false.
    if (value >= least && Math.abs(value) < Number.POSITIVE_INFINITY) continue;
    const problem = Number.isFinite(value) ? 'a negative variance' : 'a NaN or infinite value';
    throw new FormatError(oneLine(`${source}: tensor ${name} contains ${problem}`));
  }
}
