/**
 * Kernels that differ in what is known when they are written: made when first asked for, then kept. Bundlers may leave out a family that
 * nobody calls.
 */
/* @__NO_SIDE_EFFECTS__ */
export function family<A extends readonly (number | string | boolean)[], K>(
  make: (...specialisation: A) => K,
): (...specialisation: A) => K {
  const made = new Map<string, K>();
  return (...specialisation) => {
    const key = specialisation.join();
    let kernel = made.get(key);
    if (kernel === undefined) {
      kernel = make(...specialisation);
      made.set(key, kernel);
    }
    return kernel;
  };
}
