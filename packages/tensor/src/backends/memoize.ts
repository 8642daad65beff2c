/**
 * Caches what `make` returns for each list of arguments. Kernels are specialized this way: the arguments are known when
 * a kernel is assembled, and each kernel is assembled when it is first requested.
 */
/* @__NO_SIDE_EFFECTS__ */
export function memoize<A extends readonly (number | string | boolean)[], K>(
  make: (...args: A) => K,
): (...args: A) => K {
  const made = new Map<string, K>();
  return (...args) => {
    const key = args.join();
    let value = made.get(key);
    if (value === undefined) {
      value = make(...args);
      made.set(key, value);
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
