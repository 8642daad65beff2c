/**
 * A family of kernels that are specialised by arguments known when they are assembled. Each is made when it is first
 * requested, and then cached. The annotation lets bundlers drop a family that is never used.
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
