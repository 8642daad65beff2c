import { formatShape, type Shape } from './shape.js';

/** What is known of a tensor once it is gone. It must not refer to the tensor, or that would never go. */
interface Origin {
  readonly shape: string;
  label: string;
  readonly stack: string;
}

let origins = new WeakMap<object, Origin>();
let registry: FinalizationRegistry<Origin> | null = null;

/**
 * Names leaks: tensors made from now on that the garbage collector finds undisposed are described to `onLeak`, with
 * their shape, label and the stack of their making. It frees nothing, comes late, and slows every tensor: for debugging.
 *
 * @returns A function that ends the reports.
 */
export function reportLeaks(onLeak: (description: string) => void = console.warn): () => void {
  origins = new WeakMap();
  registry = new FinalizationRegistry(({ label, shape, stack }) =>
    onLeak(`${label} of shape ${shape} was never disposed. It was made\n${stack}`),
  );
  return () => {
    registry = null;
  };
}

/** Called by `Handle` alone, as are the next two. */
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
