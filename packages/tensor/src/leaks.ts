import { formatShape, type Shape } from './shape.js';

/** The description of a tensor. It must not refer to the tensor, which could then never be garbage collected. */
interface Origin {
  readonly shape: string;
  label: string;
  readonly stack: string;
}

let origins = new WeakMap<object, Origin>();
let registry: FinalizationRegistry<Origin> | null = null;

/**
 * Starts reporting leaks: tensors created from now on that are garbage collected without having been disposed. For
 * debugging only, since it frees nothing, reports late, and slows down the creation of every tensor, of which it takes
 * a stack trace.
 *
 * A report names the label or the shape of the tensor, the line of your program that made it, and how it came there:
 *
 *     a tensor of shape [3] was never disposed. It was made at train (file:///home/me/train.js:12:13)
 *         at new Handle (…)
 *         …
 *
 * In a bundle that contains this library, too, the line is only in the stack trace, where the bundler's file has it.
 *
 * @param onLeak Receives the report. Default: `console.warn`.
 * @returns A function that stops the reports.
 *
 * @example
 * ```ts
 * import { reportLeaks, zeros } from '@mobinet/tensor';
 *
 * const stop = reportLeaks((description) => console.warn(description));
 * const x = zeros([3]); // forgotten: reported once it has been garbage collected
 * console.log(x.disposed);
 * // → false
 * stop();
 * ```
 */
export function reportLeaks(onLeak: (description: string) => void = console.warn): () => void {
  origins = new WeakMap();
  registry = new FinalizationRegistry(({ label, shape, stack }) =>
    onLeak(`${label} of shape ${shape} was never disposed. It was made${callerIn(stack)}\n${stack}`),
  );
  return () => {
    registry = null;
  };
}

/** Called only by `Handle`, like the next two functions. */
export function watchForLeak(handle: { readonly shape: Shape }): void {
  if (registry === null) return;
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 30;
  const stack = (new Error().stack ?? '').replace(/^Error:? ?\n/, '');
  Error.stackTraceLimit = stackTraceLimit;
  const origin = { shape: formatShape(handle.shape), label: 'a tensor', stack };
  origins.set(handle, origin);
  registry.register(handle, origin, handle);
}

/**
 * The first frame that is neither in this library nor in another package, such as ` at train (train.js:12:13)`. Empty if
 * none can be told from the library, because a bundler has put everything into one file.
 */
function callerIn(stack: string): string {
  const frames = stack.split('\n');
  const [own] = fileOf(frames[0]);
  const caller = frames.find((frame) => {
    const [file] = fileOf(frame);
    return file !== undefined && file !== own && (!installedFile.test(file) || testFile.test(file));
  });
  // Only V8 writes “at” itself.
  return caller === undefined ? '' : ` at ${caller.trim().replace(/^at /, '')}`;
}

/** The file of a frame. Frames of built-in functions have none. */
const fileOf = (frame = ''): readonly string[] => /[^\s(@]+(?=:\d+:\d+\)?$)/.exec(frame) ?? [];

/** The files of installed packages, and of these packages in their repository. */
const installedFile = /\/(?:node_modules|packages\/(?:tensor|autograd|bnn|mobinet)\/(?:dist|src))\//;
const testFile = /\.test\.[jt]s/;

export function nameLeak(handle: object, label: string | undefined): void {
  if (registry === null) return;
  const origin = origins.get(handle);
  if (origin) origin.label = label ?? 'a tensor';
}

export function forgetLeak(handle: object): void {
  registry?.unregister(handle);
}
