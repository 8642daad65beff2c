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
 * debugging only, since it frees nothing, reports late, and slows down the creation of every tensor.
 *
 * @param onLeak Receives a description: the label, the shape and the stack trace of the creation. Default:
 * `console.warn`.
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
    onLeak(`${label} of shape ${shape} was never disposed. It was created\n${stack}`),
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
  const stack = (new Error().stack ?? '').replace(/^Error\n/, '');
  Error.stackTraceLimit = stackTraceLimit;
  const origin = { shape: formatShape(handle.shape), label: 'a tensor', stack };
  origins.set(handle, origin);
  registry.register(handle, origin, handle);
}

export function nameLeak(handle: object, label: string | undefined): void {
  if (registry === null) return;
  const origin = origins.get(handle);
  if (origin) origin.label = label ?? 'a tensor';
}

export function forgetLeak(handle: object): void {
  registry?.unregister(handle);
}
