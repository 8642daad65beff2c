/**
 * Kernels that end in an epilogue, by the identity of the epilogue object: `make` is called once for each epilogue. Two
 * epilogues never share kernels, even if they share a name.
 */
/* @__NO_SIDE_EFFECTS__ */
export function perEpilogue<E extends object, K>(make: (epilogue: E) => K): (epilogue: E) => K {
  const made = new WeakMap<E, K>();
  return (epilogue) => {
    let kernels = made.get(epilogue);
    if (kernels === undefined) {
      kernels = make(epilogue);
      made.set(epilogue, kernels);
    }
    return kernels;
  };
}
