import { erfCoefficients, erfLimit, tailCoefficients, tailLimit } from '../../wasm/erf.js';
import { polynomialWgsl } from './polynomial-wgsl.js';

// The error function of single numbers, in double precision and in WGSL. Equations of the NIST Digital Library of
// Mathematical Functions, https://dlmf.nist.gov.

/** erf x = 2/√π · ∫₀ˣ e^(−t²) dt, for any number. */
export function erfOf(x: number): number {
  if (Math.abs(x) < seriesLimit) return erfSeries(x);
  return Math.sign(x) * (1 - erfcFraction(Math.abs(x)));
}

/** 1 − erf x, with a small relative error also where erf x is nearly 1. */
export function erfcOf(x: number): number {
  return x < seriesLimit ? 1 - erfOf(x) : erfcFraction(x);
}

/** Up to here, few terms of the series are enough, and from here on, few of the continued fraction. */
const seriesLimit = 2;

/**
 * DLMF 7.6.2, a series without cancellation:
 *
 *     erf x = 2/√π · e^(−x²) · (x + 2x³/3 + 4x⁵/(3·5) + 8x⁷/(3·5·7) + …)
 */
function erfSeries(x: number): number {
  let term = x;
  let sum = 0;
  for (let n = 1; sum + term !== sum; n++) {
    sum += term;
    term *= (2 * x * x) / (2 * n + 1);
  }
  // `sum` is 0 for −0, too.
  return x === 0 ? x : (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/**
 * DLMF 7.9.1, a continued fraction, evaluated from a term on that no longer matters:
 *
 *     1 − erf x = e^(−x²)/√π · 1/(x + ½/(x + 1/(x + (3/2)/(x + 2/(x + …)))))
 */
function erfcFraction(x: number): number {
  let fraction = x;
  for (let k = 100; k > 0; k--) fraction = x + k / 2 / fraction;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction);
}

/** The distribution function of the standard normal distribution, Φ(x) = (1 + erf(x/√2)) / 2. */
export function normalCdf(x: number): number {
  return erfcOf(-x * Math.SQRT1_2) / 2;
}

/** The density of the standard normal distribution, φ(x) = Φ′(x). */
export function normalDensity(x: number): number {
  return Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
}

const tailWgsl = `fn normalTail(x: f32) -> f32 {
  let a = min(abs(x), ${tailLimit});
  return exp(-0.5 * a * a) * ${polynomialWgsl('a', tailCoefficients.p)} / ${polynomialWgsl('a', tailCoefficients.q)};
}`;

/** `erf(x)` in WGSL, as wasm/erf.ts computes it. */
export const erfWgsl = `${tailWgsl}
fn erf(x: f32) -> f32 {
  let square = x * x;
  let near = x + x * ${polynomialWgsl('square', erfCoefficients)};
  let far = sign(x) * (1.0 - 2.0 * normalTail(${Math.SQRT2} * x));
  return select(far, near, abs(x) < ${erfLimit});
}`;

/** `normalCdf(x)` and `normalDensity(x)` in WGSL. */
export const normalWgsl = `${tailWgsl}
fn normalCdf(x: f32) -> f32 {
  let beyond = normalTail(x);
  return select(1.0 - beyond, beyond, x < 0.0);
}
fn normalDensity(x: f32) -> f32 { return ${1 / Math.sqrt(2 * Math.PI)} * exp(-0.5 * x * x); }`;
