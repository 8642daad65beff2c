/**
 * A standard normal number from two random words (Box & Muller, 1958): √(−2·ln v)·cos(2π·u), where v in (0, 1] and u in
 * [0, 1) are multiples of 2⁻²⁴.
 *
 * The logarithm and the cosine are computed here, from additions and multiplications alone, because `Math.log` and
 * `Math.cos` differ in their last bits between engines. `random.wasm.ts` takes the same steps.
 */
export function boxMuller(first: number, second: number): { radius: number; cosine: number } {
  return { radius: Math.sqrt(-2 * logarithm(2 ** 24 - (first >>> 8))), cosine: cosineOfTurn(second >>> 8) };
}

/** √½, rounded to f32: mantissas are between this and twice this. */
export const rootHalf = Math.fround(Math.SQRT1_2);

/** The coefficients of 2·(s + s³/3 + s⁵/5 + …), highest power first. */
export const logarithmSeries = [21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1].map((odd) => 2 / odd);

/**
 * ln(k / 2²⁴) for 1 ≤ k ≤ 2²⁴. Write k = 2ᵉ·m with √½ ≤ m < √2, and let s = (m − 1)/(m + 1). Then
 *
 *     ln k = e·ln 2 + 2·(s + s³/3 + s⁵/5 + …),   |s| < 0.172
 */
function logarithm(k: number): number {
  let exponent = 31 - Math.clz32(k);
  let mantissa = k / 2 ** exponent;
  if (mantissa >= 2 * rootHalf) {
    mantissa /= 2;
    exponent++;
  }
  const s = (mantissa - 1) / (mantissa + 1);
  return (exponent - 24) * Math.LN2 + s * polynomial(s * s, logarithmSeries);
}

const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1));

/** The coefficients of the power series of sin t / t and cos t, in t², highest power first. */
export const [sineSeries, cosineSeries] = [1, 0].map((parity) =>
  [8, 7, 6, 5, 4, 3, 2, 1, 0].map((i) => (-1) ** i / factorial(2 * i + parity)),
);

/** The angle of 2⁻²⁴ turns. */
export const angleUnit = Math.PI / 2 ** 23;

/** cos(2π·j / 2²⁴) for 0 ≤ j < 2²⁴: q quarter turns and an angle t of at most an eighth turn, both exact. */
function cosineOfTurn(j: number): number {
  const q = (j + 2 ** 21) >> 22;
  const t = (j - q * 2 ** 22) * angleUnit;
  const value = q & 1 ? t * polynomial(t * t, sineSeries) : polynomial(t * t, cosineSeries);
  return (q + 1) & 2 ? -value : value;
}

const polynomial = (x: number, coefficients: readonly number[]): number =>
  coefficients.reduce((sum, coefficient) => sum * x + coefficient);
