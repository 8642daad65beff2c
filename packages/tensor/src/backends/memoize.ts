/**
 * Caches the result of `make` for each list of arguments. Kernels are specialized this way: the arguments are constants
 * of a kernel's code, and it is created when it is first requested. The annotation lets bundlers drop kernels that
 * nobody calls.
 *
 * @example
 * ```ts
 * import { i32, Kernel, memoize } from '@mobinet/tensor/kernels';
 *
 * const kernelFor = memoize((width: number) => new Kernel(`example_${width}`, { x: i32 }, () => {}));
 * const kernel = kernelFor(3);
 * console.log(`${kernel.name}, ${kernelFor(3) === kernel}`);
 * // → example_3, true
 * ```
 */
/* @__NO_SIDE_EFFECTS__ */
export function memoize<A extends readonly (number | string | boolean)[], K>(
  make: (...args: A) => K,
): (...args: A) => K {
  const cache = new Map<string, K>();
  return (...args) => {
    const key = args.join();
    let value = cache.get(key);
    if (value === undefined) {
      value = make(...args);
      cache.set(key, value);
    }
    return value;
  };
}

/** Caches what `make` returns for each object. Objects are told apart by identity: equal ones never share a value. */
/* @__NO_SIDE_EFFECTS__ */
export function memoizeByIdentity<T extends object, V>(make: (object: T) => V): (object: T) => V {
  const made = new WeakMap<T, V>();
  return (object) => {
    let value = made.get(object);
    if (value === undefined) {
      value = make(object);
      made.set(object, value);
    }
    return value;
  };
}
