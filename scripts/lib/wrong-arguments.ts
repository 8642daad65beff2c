import {
  DisposedError,
  full,
  memory,
  OutOfMemoryError,
  ones,
  packBits,
  Tensor,
  tensor,
  tidy,
  zeros,
} from '@mobinet/tensor';

/** What callers from JavaScript pass by mistake. */
const mistakes: { readonly [name: string]: () => unknown } = {
  undefined: () => undefined,
  null: () => null,
  'a boolean': () => true,
  'a number as a string': () => '2',
  'a string': () => 'hello',
  'a bigint': () => 5n,
  NaN: () => Number.NaN,
  infinity: () => Number.POSITIVE_INFINITY,
  'a fraction': () => 1.5,
  'a negative number': () => -9,
  'a large number': () => 2 ** 33,
  'a record': () => ({ misspelled: 1 }),
  'a list of numbers': () => [1, 2, 3],
  'an empty list': () => [],
  'a list with holes': () => new Array(2),
  'a list of strings': () => ['1', '0'],
  'a list of undefined': () => [undefined, 1],
  'a nested list': () => [[1, 2]],
  'a typed array': () => new Float32Array(2),
  'a function': () => () => 1,
  'a tensor': () => tensor([[1, 2, 3]]),
  integers: () => tensor([0, 1], { dtype: 'i32' }),
  signs: () => packBits(tensor([[1, -1, 1]])),
  'an empty tensor': () => zeros([0, 3]),
  'a tensor of rank 5': () => zeros([1, 2, 1, 3, 1]),
  'a disposed tensor': () => {
    const x = zeros([3]);
    x.dispose();
    return x;
  },
};

/** Messages of JavaScript itself, about what a function did with an argument that it had not checked. */
const inside =
  /Cannot (read|set|convert|destructure|mix)|is not (a function|iterable|a constructor)|Invalid (array|typed)|out of bounds|Maximum call|serialize|must be of type/;

type Arguments = readonly unknown[];

/** Whether a value is a record of options or of data, and not of a class. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** Tensors that are almost like `x`: of other shapes, of another dtype, and of other numbers. */
const neighbors: { readonly [name: string]: (x: Tensor) => unknown } = {
  'with an axis more': (x) => zeros([2, ...x.shape], x.dtype),
  'with an axis less': (x) => zeros(x.shape.slice(1), x.dtype),
  'with a longer axis': (x) => zeros([...x.shape.slice(0, -1), (x.shape.at(-1) ?? 0) + 1], x.dtype),
  'with a longer first axis': (x) => zeros([(x.shape[0] ?? 0) + 1, ...x.shape.slice(1)], x.dtype),
  'of floats': (x) => zeros(x.shape),
  'of integers': (x) => zeros(x.shape, 'i32'),
  'of bytes': (x) => zeros(x.shape, 'u8'),
  'of bits': (x) => packBits(ones(x.rank === 0 ? [1] : x.shape)),
  'of large numbers': (x) => full(x.shape, 1000, x.dtype),
  'of negative numbers': (x) => full(x.shape, -1, x.dtype),
};

/** What takes the place of `value`. */
function* replacements(value: unknown): Generator<readonly [name: string, value: unknown]> {
  for (const [name, make] of Object.entries(mistakes)) yield [name, make()];
  if (!(value instanceof Tensor)) return;
  for (const [name, make] of Object.entries(neighbors)) yield [name, make(value)];
}

/** The arguments, each replaced by each mistake, and so are the fields of records and the elements of lists. */
function* variants(value: unknown): Generator<readonly [where: string, value: unknown]> {
  yield* replacements(value);
  if (Array.isArray(value)) {
    for (const at of value.keys()) {
      for (const [name, wrong] of replacements(value[at])) yield [`[${at}] = ${name}`, value.with(at, wrong)];
    }
  } else if (isRecord(value)) {
    for (const key of Object.keys(value)) {
      const { [key]: part, ...rest } = value;
      yield [`without ${key}`, rest];
      for (const [name, wrong] of replacements(part)) yield [`${key} = ${name}`, { ...value, [key]: wrong }];
    }
  }
}

/**
 * Whether an error speaks of the function that was called. Only that a tensor was disposed is said without a name, and
 * so is that memory has run out.
 */
const names = (owner: string, error: Error): boolean =>
  new RegExp(`^(${owner})( |:|\\()`, 'i').test(error.message) ||
  error instanceof DisposedError ||
  error instanceof OutOfMemoryError;

/**
 * Calls `f` with wrong arguments, one at a time, and lists what goes wrong inside of it: errors of JavaScript itself,
 * which say nothing about the argument, errors that begin with another name than `owner`, such as that of a function
 * that `f` calls (unless `owner` is null), and tensors that are left behind.
 */
export function faultsOf(owner: string | null, f: (...args: never[]) => unknown, args: () => Arguments): string[] {
  const faults: string[] = [];
  tidy(() => {
    const call = f as (...args: Arguments) => unknown;
    const count = args().length;
    const attempt = (what: string, given: Arguments): void => {
      const before = memory().tensors;
      try {
        tidy(() => void call(...given));
      } catch (error) {
        if (!(error instanceof Error)) faults.push(`${what}: threw ${String(error)}`);
        else if (inside.test(error.message)) faults.push(`${what}: ${error.name}: ${error.message}`);
        else if (owner !== null && !names(owner, error))
          faults.push(`${what}: another name: ${error.message.split('\n')[0]}`);
      }
      if (memory().tensors !== before) faults.push(`${what}: leaves ${memory().tensors - before} tensors`);
    };
    attempt('no arguments', []);
    for (let at = 0; at < count; at++) {
      for (const [what, value] of variants(args()[at])) {
        const given: unknown[] = [...args()];
        given[at] = value;
        attempt(`argument ${at}: ${what}`, given);
      }
    }
  });
  // The heap is as it was: it still finds room.
  zeros([3]).dispose();
  return faults;
}

/** Lists the errors of JavaScript itself, as `faultsOf` does, of a function that returns a promise. */
export async function faultsOfAsync(
  f: (...args: never[]) => Promise<unknown>,
  args: () => Arguments,
): Promise<string[]> {
  const faults: string[] = [];
  // Some functions throw before they return a promise.
  const call = async (...given: Arguments) => (f as (...args: Arguments) => Promise<unknown>)(...given);
  for (const at of args().keys()) {
    for (const [what, value] of variants(args()[at])) {
      await call(...args().with(at, value)).catch((error: unknown) => {
        const isOwn = error instanceof Error && !inside.test(error.message);
        if (!isOwn) faults.push(`argument ${at}: ${what}: ${error}`);
      });
    }
  }
  return faults;
}
