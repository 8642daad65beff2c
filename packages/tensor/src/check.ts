import type { DType } from './dtype.js';
import { DTypeError } from './errors.js';
import { withHelp } from './help.js';
import { formatShape, type Shape } from './shape.js';

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

/**
 * The range of the integers from `from` to `to`, both inclusive. Without `to` there is no upper bound.
 *
 * @example
 * ```ts
 * import { isInRange, wholeNumbers } from '@mobinet/tensor';
 *
 * console.log(`${isInRange(7, wholeNumbers(1))}, ${isInRange(7.5, wholeNumbers(1))}`);
 * // → true, false
 * ```
 */
export const wholeNumbers = (from: number, to?: number): NumberRange => ({
  isWhole: true,
  from,
  ...(to !== undefined && { to }),
});

/**
 * Checks a number that comes from outside: an option of the library, a flag of the command line, or metadata of a file.
 *
 * @param name The option, for the message.
 * @param value What was given.
 * @param range The numbers that it may be.
 * @returns The number.
 * @throws RangeError with one line that names the option, its range and the value.
 *
 * @example
 * ```ts
 * import { checkNumber, wholeNumbers } from '@mobinet/tensor';
 *
 * try {
 *   checkNumber('epochs', 0, wholeNumbers(1, 1000));
 * } catch (error) {
 *   console.log(`${error}`);
 * }
 * // → RangeError: epochs must be a whole number from 1 to 1000, not 0
 * ```
 */
export function checkNumber(name: string, value: unknown, range: NumberRange): number {
  if (isInRange(value, range)) return value;
  throw new RangeError(`${name} must be ${describeRange(range)}, not ${shown(value)}`);
}

/**
 * Checks the value of an element, which may also be NaN or infinite.
 *
 * @throws TypeError with one line if it is not a number.
 */
export function checkElement(name: string, value: unknown): void {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number, not ${shown(value)}`);
}

/**
 * Calls `checkNumber` for every key in `ranges`.
 *
 * @param owner Prefix of the names in messages, such as `'adam: '`.
 * @param values What was given, by the names of the options.
 * @param ranges The numbers that each of them may be.
 * @throws RangeError as `checkNumber` does, for the first number outside its range.
 *
 * @example
 * ```ts
 * import { checkNumbers } from '@mobinet/tensor';
 *
 * try {
 *   checkNumbers(
 *     'adam: ',
 *     { learningRate: -1, beta1: 0.9 },
 *     { learningRate: { above: 0 }, beta1: { from: 0, below: 1 } },
 *   );
 * } catch (error) {
 *   console.log(`${error}`);
 * }
 * // → RangeError: adam: learningRate must be a number above 0, not -1
 * ```
 */
export function checkNumbers<R extends Readonly<Record<string, NumberRange>>>(
  owner: string,
  values: { readonly [K in keyof R]: unknown },
  ranges: R,
): void {
  for (const key of Object.keys(ranges)) checkNumber(`${owner}${key}`, values[key], ranges[key]);
}

/**
 * Returns whether `value` is a number in the range.
 *
 * @param value Of any type.
 * @param range The range.
 *
 * @example
 * ```ts
 * import { isInRange } from '@mobinet/tensor';
 *
 * console.log(`${isInRange(0.5, { from: 0, below: 1 })}, ${isInRange(1, { from: 0, below: 1 })}`);
 * // → true, false
 * ```
 */
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

/**
 * Describes a range for messages and help texts: “a whole number from 1 to 65535”, “a number above 0”.
 *
 * @param range The range.
 *
 * @example
 * ```ts
 * import { describeRange, wholeNumbers } from '@mobinet/tensor';
 *
 * console.log(`${describeRange(wholeNumbers(1, 8))}; ${describeRange({ above: 0 })}`);
 * // → a whole number from 1 to 8; a number above 0
 * ```
 */
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
 * @param value What was given.
 * @param choices What it may be.
 * @returns The value.
 * @throws RangeError with one line that names the option, its choices and the value.
 *
 * @example
 * ```ts
 * import { checkChoice } from '@mobinet/tensor';
 *
 * console.log(checkChoice('padding', 'same', ['same', 'valid']));
 * // → same
 * ```
 */
export function checkChoice<T>(name: string, value: unknown, choices: readonly T[]): T {
  if (choices.includes(value as T)) return value as T;
  throw new RangeError(`${name} must be one of ${choices.map(String).join(', ')}, not ${shown(value)}`);
}

/**
 * Checks that a value is an object and not a list or another collection, such as a record of options.
 *
 * @param name The value, for the message.
 * @param value What was given.
 * @throws TypeError with one line if it is not.
 *
 * @example
 * ```ts
 * import { checkRecord } from '@mobinet/tensor';
 *
 * const settings: unknown = JSON.parse('{"epochs": 3}');
 * checkRecord('settings', settings);
 * console.log(settings.epochs); // its type is now a record
 * // → 3
 * ```
 */
export function checkRecord(name: string, value: unknown): asserts value is Readonly<Record<string, unknown>> {
  if (!isRecord(value)) throw new TypeError(`${name} must be an object, not ${shown(value)}`);
}

/**
 * Whether a value is an object and not a list or another collection, such as a record of options.
 *
 * @param value Of any type.
 *
 * @example
 * ```ts
 * import { isRecord } from '@mobinet/tensor';
 *
 * console.log(`${isRecord({ stride: 2 })}, ${isRecord([2])}, ${isRecord(new Map())}`);
 * // → true, false, false
 * ```
 */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !(Symbol.iterator in value);
}

/**
 * Checks the options of a function, for callers from JavaScript: a list in place of options, or a misspelled name,
 * would otherwise be ignored.
 *
 * @param owner The function or class, for the message.
 * @param options What was given.
 * @param names The options that it has.
 * @throws TypeError with one line, which lists the options, if `options` is not an object.
 * @throws RangeError with one line for an unknown name.
 *
 * @example
 * ```ts
 * import { checkOptions } from '@mobinet/tensor';
 *
 * const scale = (x: number, options: { by?: number } = {}): number => {
 *   checkOptions('scale', options, ['by']);
 *   return x * (options.by ?? 1);
 * };
 * console.log(scale(3, { by: 2 }));
 * // → 6
 * ```
 */
export function checkOptions<O extends object>(owner: string, options: O, names: readonly (keyof O & string)[]): void {
  if (!isRecord(options)) {
    throw new TypeError(`${owner}: options must be an object, not ${shown(options)}${listed(names)}`);
  }
  checkOptionNames(owner, options, names);
}

/**
 * Checks only the names of options: see `checkOptions`.
 *
 * @throws RangeError with one line for an unknown name.
 *
 * @example
 * ```ts
 * import { checkOptionNames } from '@mobinet/tensor';
 *
 * try {
 *   checkOptionNames('conv2d', { strides: 2 }, ['stride', 'padding']);
 * } catch (error) {
 *   console.log(`${error}`);
 * }
 * // → RangeError: conv2d has no option "strides". Its options are stride, padding
 * ```
 */
export function checkOptionNames(owner: string, options: object, names: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new RangeError(`${owner} has no option ${quote(unknown)}${listed(names)}`);
}

const listed = (names: readonly string[]): string => `. Its options are ${names.join(', ')}`;

/**
 * Formats any value for an error message: on one line, and not too long.
 *
 * @example
 * ```ts
 * import { shown } from '@mobinet/tensor';
 *
 * console.log(`${shown('3')}, ${shown(3)}, ${shown([1, 2])}, ${shown(new Map())}`);
 * // → "3", 3, [1,2], a Map
 * ```
 */
export function shown(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'symbol') return 'a symbol';
  if (isTensor(value)) return `a tensor of shape ${formatShape(value.shape)}`;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    // Bundlers put an underscore before the name of a class that refers to itself.
    const name = String(Object.getPrototypeOf(value)?.constructor?.name ?? '').replace(/^_/, '');
    if (name !== '' && name !== 'Object') return `${/^[AEIO]/.test(name) ? 'an' : 'a'} ${name}`;
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
 * @param value What was given.
 * @param operand The argument's name, for the message.
 * @param accepted The dtypes that it may have. Default: any.
 * @throws TypeError with one line if it is not; DTypeError if it has another dtype.
 *
 * @example
 * ```ts
 * import { checkTensor } from '@mobinet/tensor';
 *
 * try {
 *   checkTensor('relu', [1, 2]);
 * } catch (error) {
 *   console.log(`${error}`);
 * }
 * // → TypeError: relu: x must be a tensor, not [1,2]. Make one with tensor([…]).
 * ```
 */
export function checkTensor(op: string, value: unknown, operand = 'x', accepted?: Accepted): void {
  if (!isTensor(value)) {
    const problem = `${op}: ${operand} must be a tensor, not ${shown(value)}.`;
    throw new TypeError(
      isPromise(value) ? awaitIt(`${problem} Await it first.`) : `${problem} Make one with tensor([…]).`,
    );
  }
  if (accepted) checkDType(op, value.dtype, accepted, operand);
}

function isTensor(value: unknown): value is { readonly shape: Shape; readonly dtype: DType | 'bits' } {
  return (value as { isTensorHandle?: unknown } | null | undefined)?.isTensorHandle === true;
}

function isPromise(value: unknown): boolean {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}

/** Checks that a callback has not returned a promise, since what it does later would be too late for `op`. */
export function refusePromise(op: string, result: unknown): void {
  if (isPromise(result)) throw new TypeError(awaitIt(`${op}: the callback returned a promise. Await it outside.`));
}

/** The message of an error about a promise. */
const awaitIt = (message: string): string => withHelp(message, 'forgotten-await');

type Accepted = readonly (DType | 'bits')[];

/** Checks the dtype of an operand. @throws DTypeError unless it is one of `accepted`. */
export function checkDType(op: string, dtype: DType | 'bits', accepted: Accepted, operand: string): void {
  if (accepted.includes(dtype)) return;
  const x = operand.includes(' ') ? 'x' : operand;
  let remedy = `cast(${x}, '${accepted[0]}')`;
  if (dtype === 'bits') remedy = `unpackBits(${x})`;
  else if (accepted.includes('bits')) remedy = `packBits(${x})`;
  throw new DTypeError(`${op}: ${operand} must be ${accepted.join(' or ')}, not ${dtype}. Use ${remedy}.`);
}

/**
 * Checks that an argument is a function. @throws TypeError with one line if it is not.
 *
 * @example
 * ```ts
 * import { checkFunction } from '@mobinet/tensor';
 *
 * try {
 *   checkFunction('tidy', 3);
 * } catch (error) {
 *   console.log(`${error}`);
 * }
 * // → TypeError: tidy: needs a function, not 3
 * ```
 */
export function checkFunction(op: string, value: unknown): void {
  if (typeof value !== 'function') throw new TypeError(`${op}: needs a function, not ${shown(value)}`);
}

/**
 * Checks that an argument is an array.
 *
 * @param op The operation, for the message.
 * @param value What was given.
 * @param example A valid argument, for the message.
 * @throws TypeError with one line if it is not.
 *
 * @example
 * ```ts
 * import { checkList } from '@mobinet/tensor';
 *
 * try {
 *   checkList('zeros', 3);
 * } catch (error) {
 *   console.log(`${error}`);
 * }
 * // → TypeError: zeros: needs a list such as [2, 3], not 3
 * ```
 */
export function checkList(op: string, value: unknown, example = '[2, 3]'): asserts value is readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`${op}: needs a list such as ${example}, not ${shown(value)}`);
}
