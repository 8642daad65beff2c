/** Which numbers an option may be. What is left out is not limited; NaN and the infinities are never allowed. */
export interface NumberRange {
  /** Whether it has to be a whole number, one that is exact in JavaScript. */
  readonly isWhole?: boolean;
  /** The least it may be. */
  readonly from?: number;
  /** It must be more than this. */
  readonly above?: number;
  /** The most it may be. */
  readonly to?: number;
  /** It must be less than this. */
  readonly below?: number;
}

/** The whole numbers of at least `from` and, where it is given, at most `to`. */
export const wholeNumbers = (from: number, to?: number): NumberRange => ({
  isWhole: true,
  from,
  ...(to !== undefined && { to }),
});

/**
 * The one check of numbers that come from outside: options of the library, flags of the command line, metadata of files.
 *
 * @param name What the error calls it.
 * @returns The number.
 * @throws RangeError, one line that names the option, its range and the value.
 */
export function checkNumber(name: string, value: unknown, range: NumberRange): number {
  if (isInRange(value, range)) return value;
  throw new RangeError(`${name} must be ${describeRange(range)}, not ${shown(value)}`);
}

/** `checkNumber` for every number of a record that has a range. @param owner Stands before their names: `'adam: '`. */
export function checkNumbers<R extends Readonly<Record<string, NumberRange>>>(
  owner: string,
  values: { readonly [K in keyof R]: unknown },
  ranges: R,
): void {
  for (const key of Object.keys(ranges)) checkNumber(`${owner}${key}`, values[key], ranges[key]);
}

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

/** A range in words, as errors and the command line say it: “a whole number from 1 to 65535”, “a number above 0”. */
export function describeRange({ isWhole, from, above, to, below }: NumberRange): string {
  const kind = isWhole ? 'a whole number' : 'a number';
  const end = to !== undefined ? ` to ${to}` : below !== undefined ? ` to below ${below}` : '';
  if (from !== undefined) return end === '' ? `${kind} of at least ${from}` : `${kind} from ${from}${end}`;
  if (above !== undefined) return end === '' ? `${kind} above ${above}` : `${kind} above ${above}, up${end}`;
  return end === '' ? (isWhole ? kind : 'a finite number') : `${kind} up${end}`;
}

/** @throws RangeError, one line that names the option and its choices, unless `value` is one of them. */
export function checkChoice<T>(name: string, value: unknown, choices: readonly T[]): T {
  if (choices.includes(value as T)) return value as T;
  throw new RangeError(`${name} must be one of ${choices.join(', ')}, not ${shown(value)}`);
}

/** @throws TypeError, one line, unless `value` is an object and no list, such as a record of options. */
export function checkRecord(name: string, value: unknown): asserts value is Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  throw new TypeError(`${name} must be an object, not ${shown(value)}`);
}

/** A value of any type, on one line and not for ever. */
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

/** A piece of an untrusted file as an error may show it: on one line, and not for ever. */
export function quote(value: unknown): string {
  const text = textOf(value).replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '�');
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}

function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return 'something nested too deep';
  }
}

/**
 * @param operand What the error calls it, beside the operation.
 * @throws TypeError, one line, unless `value` is a tensor or a bit-tensor. TypeScript would say so, JavaScript does not.
 */
export function checkTensor(op: string, value: unknown, operand = 'x'): void {
  if ((value as { isTensorHandle?: unknown } | null | undefined)?.isTensorHandle === true) return;
  throw new TypeError(`${op}: ${operand} must be a tensor, not ${shown(value)}. Numbers become one by tensor([…])`);
}

/** @throws TypeError, one line, unless `value` can be called. */
export function checkFunction(op: string, value: unknown): void {
  if (typeof value !== 'function') throw new TypeError(`${op}: needs a function, not ${shown(value)}`);
}

/** @throws TypeError, one line, unless `value` is a list. @param such An example of one. */
export function checkList(op: string, value: unknown, such = '[2, 3]'): asserts value is readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`${op}: needs a list such as ${such}, not ${shown(value)}`);
}
