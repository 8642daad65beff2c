/** The numbers that an option accepts. Bounds that are left out do not apply; NaN and infinities are never allowed. */
export interface NumberRange {
  /** Whether only safe integers are allowed. */
  readonly isWhole?: boolean;
  /** Inclusive lower bound. */
  readonly from?: number;
  /** Exclusive lower bound. */
  readonly above?: number;
  /** Inclusive upper bound. */
  readonly to?: number;
  /** Exclusive upper bound. */
  readonly below?: number;
}

/** The range of the integers from `from` to `to`, both inclusive. Without `to` there is no upper bound. */
export const wholeNumbers = (from: number, to?: number): NumberRange => ({
  isWhole: true,
  from,
  ...(to !== undefined && { to }),
});

/**
 * Checks a number that comes from outside: an option of the library, a flag of the command line, or metadata of a file.
 *
 * @param name The option, for the message.
 * @returns The number.
 * @throws RangeError with one line that names the option, its range and the value.
 */
export function checkNumber(name: string, value: unknown, range: NumberRange): number {
  if (isInRange(value, range)) return value;
  throw new RangeError(`${name} must be ${describeRange(range)}, not ${shown(value)}`);
}

/**
 * Calls `checkNumber` for every key in `ranges`.
 *
 * @param owner Prefix of the names in messages, such as `'adam: '`.
 */
export function checkNumbers<R extends Readonly<Record<string, NumberRange>>>(
  owner: string,
  values: { readonly [K in keyof R]: unknown },
  ranges: R,
): void {
  for (const key of Object.keys(ranges)) checkNumber(`${owner}${key}`, values[key], ranges[key]);
}

/** Returns whether `value` is a number in the range. */
export function isInRange(value: unknown, { isWhole, from, above, to, below }: NumberRange): value is number {
  return (
    typeof value === 'number' &&
    (isWhole ? Number.isSafeInteger(value) : Number.isFinite(value)) &&
    (from === undefined || value >= from) &&
    (above === undefined || value > above) &&
    (to === undefined || value <= to) &&
    (below === undefined || value < below)
  );
}

/** Describes a range for messages and help texts: “a whole number from 1 to 65535”, “a number above 0”. */
export function describeRange({ isWhole, from, above, to, below }: NumberRange): string {
  const kind = isWhole ? 'a whole number' : 'a number';
  const end = to !== undefined ? ` to ${to}` : below !== undefined ? ` to below ${below}` : '';
  if (from !== undefined) return end === '' ? `${kind} of at least ${from}` : `${kind} from ${from}${end}`;
  if (above !== undefined) return end === '' ? `${kind} above ${above}` : `${kind} above ${above}, up${end}`;
  return end === '' ? (isWhole ? kind : 'a finite number') : `${kind} up${end}`;
}

/**
 * Checks that a value is one of several choices.
 *
 * @param name The option, for the message.
 * @returns The value.
 * @throws RangeError with one line that names the option, its choices and the value.
 */
export function checkChoice<T>(name: string, value: unknown, choices: readonly T[]): T {
  if (choices.includes(value as T)) return value as T;
  throw new RangeError(`${name} must be one of ${choices.join(', ')}, not ${shown(value)}`);
}

/**
 * Checks that a value is an object and not an array, such as a record of options.
 *
 * @param name The value, for the message.
 * @throws TypeError with one line if it is not.
 */
export function checkRecord(name: string, value: unknown): asserts value is Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  throw new TypeError(`${name} must be an object, not ${shown(value)}`);
}

/**
 * Checks the options of a function, for callers from JavaScript: a list in place of options, or a misspelled name,
 * would otherwise be ignored.
 *
 * @param owner The function or class, for the message.
 * @param names The options that it has.
 * @throws TypeError with one line if `options` is not an object, RangeError with one line for an unknown name.
 */
export function checkOptions<O extends object>(owner: string, options: O, names: readonly (keyof O & string)[]): void {
  checkRecord(`${owner}: options`, options);
  checkOptionNames(owner, options, names);
}

/** Checks only the names of options. @throws RangeError with one line for an unknown name. */
export function checkOptionNames(owner: string, options: object, names: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new RangeError(`${owner} has no option ${quote(unknown)}. Its options are ${names.join(', ')}`);
}

/** Formats any value for an error message: on one line, and not too long. */
export function shown(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'symbol') return 'a symbol';
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
    if (typeof name === 'string' && name !== '' && name !== 'Object')
      return `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`;
  }
  return quote(value);
}

/** Formats part of an untrusted file for a message: as JSON on one line, shortened, without control characters. */
export function quote(value: unknown): string {
  const text = textOf(value).replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '�');
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}

function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return 'a value nested too deeply';
  }
}

/**
 * Checks that an argument is a tensor or a bit tensor, for callers from JavaScript, who get no type errors.
 *
 * @param op The operation, for the message.
 * @param operand The argument's name, for the message.
 * @throws TypeError with one line if it is not.
 */
export function checkTensor(op: string, value: unknown, operand = 'x'): void {
  if ((value as { isTensorHandle?: unknown } | null | undefined)?.isTensorHandle === true) return;
  throw new TypeError(`${op}: ${operand} must be a tensor, not ${shown(value)}. Make one with tensor([…]).`);
}

/** Checks that an argument is a function. @throws TypeError with one line if it is not. */
export function checkFunction(op: string, value: unknown): void {
  if (typeof value !== 'function') throw new TypeError(`${op}: needs a function, not ${shown(value)}`);
}

/**
 * Checks that an argument is an array.
 *
 * @param example A valid argument, for the message.
 * @throws TypeError with one line if it is not.
 */
export function checkList(op: string, value: unknown, example = '[2, 3]'): asserts value is readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`${op}: needs a list such as ${example}, not ${shown(value)}`);
}
