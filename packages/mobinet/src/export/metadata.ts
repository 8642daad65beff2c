/**
 * Checks what was read from a file: `value` must be built like `example`, with the same kinds of values in the same
 * fields, lists as long, and numbers that are finite. It may have more fields.
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

/** @throws RangeError unless `value` is a list of `count` names. */
export function checkClasses(value: unknown, count: number): asserts value is readonly string[] {
  const isList = Array.isArray(value) && value.length === count && value.every((name) => typeof name === 'string');
  if (!isList) throw new RangeError(`classes must be a list of ${count} names`);
}
