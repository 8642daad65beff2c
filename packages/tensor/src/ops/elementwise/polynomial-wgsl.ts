/** A polynomial in WGSL, by Horner's rule. The first coefficient is that of the highest power. */
/* @__NO_SIDE_EFFECTS__ */
export function polynomialWgsl(x: string, [first, ...others]: readonly number[]): string {
  return others.reduce((sum, coefficient) => `(${sum} * ${x} + (${coefficient}))`, `(${first})`);
}
