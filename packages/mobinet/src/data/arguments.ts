import { checkOptions, isInRange, isRecord, shown, wholeNumbers } from '@mobinet/tensor/functions';

/** A kind of argument: what messages call it, and how it is recognized. */
export interface Kind {
  readonly words: string;
  readonly fits: (value: unknown) => boolean;
}

/** Recognizes an object by its methods, since it may be of a class of the caller, or of another copy of this library. */
const withMethods =
  (...names: readonly string[]) =>
  (value: unknown): boolean =>
    names.every(
      (name) => typeof (value as Readonly<Record<string, unknown>> | null | undefined)?.[name] === 'function',
    );

const isModule = withMethods('forward', 'parameters', 'state', 'train', 'eval');
const isNetwork = withMethods('make', 'resolve');
const isText = (value: unknown): boolean => typeof value === 'string';
const isNames = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && Array.from(value).every(isText);
const isFunction = (value: unknown): boolean => typeof value === 'function';
const isSource = (value: unknown): boolean =>
  isRecord(value) &&
  isInRange(value.length, wholeNumbers(0, 2 ** 31 - 1)) &&
  [value.label, value.image].every(isFunction) &&
  [value.name, value.pass, value.fingerprint].every((method) => method === undefined || isFunction(method));

/** The kinds of arguments that are neither tensors nor numbers. */
export const kinds = {
  path: { words: 'a path', fits: isText },
  text: { words: 'a string', fits: isText },
  bytes: { words: 'a Uint8Array', fits: (value) => value instanceof Uint8Array },
  flag: { words: 'true or false', fits: (value) => typeof value === 'boolean' },
  callback: { words: 'a function', fits: isFunction },
  signal: { words: 'an AbortSignal', fits: (value) => value instanceof AbortSignal },
  record: { words: 'an object', fits: isRecord },
  names: { words: 'a list of names', fits: isNames },
  module: { words: 'a Module', fits: isModule },
  network: { words: 'a kind of network, from defineNetwork', fits: isNetwork },
  source: { words: 'a source of images, with a length, label(index) and image(index)', fits: isSource },
  dataset: {
    words: 'a data set with classes, train and val, such as openImageFolder returns',
    fits: (value) => isRecord(value) && isNames(value.classes) && isSource(value.train) && isSource(value.val),
  },
  loader: { words: 'an ImageLoader', fits: withMethods('epoch', 'microBatches') },
  run: {
    words: 'a run, from newRun or readCheckpoint',
    fits: (value) =>
      isRecord(value) &&
      isModule(value.model) &&
      (value.average === null || isModule((value.average as { module?: unknown } | undefined)?.module)) &&
      isNetwork(value.network) &&
      withMethods('update')(value.optimizer) &&
      [value.options, value.training, value.progress].every(isRecord) &&
      isNames(value.classes) &&
      isInRange(value.trainImages, wholeNumbers(1)) &&
      Array.isArray(value.history),
  },
} as const satisfies Readonly<Record<string, Kind>>;

/**
 * Checks an argument, for callers from JavaScript, who get no type errors.
 *
 * @throws TypeError, one line that names the argument.
 */
export function checkArgument(name: string, value: unknown, { words, fits }: Kind): void {
  if (!fits(value)) throw new TypeError(`${name} must be ${words}, not ${shown(value)}`);
}

/**
 * Checks the names of options and the kinds of those that are given.
 *
 * @param kinds The kind of each option; null for those that are checked elsewhere.
 * @throws TypeError or RangeError, one line that names the option.
 */
export function checkKinds<O extends object>(
  owner: string,
  options: O,
  kinds: { readonly [K in keyof O & string]-?: Kind | null },
): void {
  const entries = Object.entries(kinds) as [keyof O & string, Kind | null][];
  checkOptions(owner, options, Object.keys(kinds) as (keyof O & string)[]);
  for (const [name, kind] of entries) {
    if (kind && options[name] !== undefined) checkArgument(`${owner}: ${name}`, options[name], kind);
  }
}
