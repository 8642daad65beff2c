import { type F32x4, type F64x2, f32x4, f64x2, type I32x4, i32x4 } from './lanes.js';
import { i32 } from './scalars.js';

// Functions that WebAssembly has no instruction for. They are accurate to 4 units in the last place or better, also at
// the ends of their ranges (math.test.ts).

/**
 * eˣ, lane by lane (S. L. Moshier, Cephes, expf):
 *
 * 1. x = n·ln 2 + r with an integer n and |r| ≤ ln 2 / 2. Adding 1.5·2²³ rounds to n, and leaves it in the low bits of
 *    the float: conversions to integers take several instructions. ln 2 is subtracted in two parts, so that r stays
 *    exact.
 * 2. eʳ is approximated by a polynomial.
 * 3. 2ⁿ is built by writing n into the exponent of a float, in two factors, since n may not fit but half of it does.
 *
 * @example
 * ```ts
 * import { tensor, zeros } from '@mobinet/tensor';
 * import { ElementwiseKernel } from '@mobinet/tensor/kernels';
 * import { exp } from '@mobinet/tensor/wasm';
 *
 * const kernel = new ElementwiseKernel('example_exp', 1, ([x]) => exp(x));
 * const y = zeros([3]);
 * kernel.run([tensor([0, 1, -200])], y);
 * console.log(`${y}`);
 * // → Tensor<f32> [3]
 * // → [1.0000, 2.7183, 0.0000]
 * ```
 */
export function exp(x: F32x4): F32x4 {
  // NaN stays NaN: it is not beyond a limit.
  const limited = f32x4.variable(x.pmin(f32x4.const(90)).pmax(f32x4.const(-105)), 'limited');
  const { n, r, curve } = exponentParts(limited);
  return timesPowerOfTwo(powerOf(r, curve), n);
}

/**
 * eˣ, lane by lane, only for x from −88 to 88.7: 0 where it would be less than 0.7 · 2⁻¹²⁶, and ∞ from 2¹²⁷·⁵. So one
 * factor is enough for 2ⁿ, which saves a fifth of the instructions of `exp`.
 *
 * @example
 * ```ts
 * import { tensor, zeros } from '@mobinet/tensor';
 * import { ElementwiseKernel } from '@mobinet/tensor/kernels';
 * import { limitedExp } from '@mobinet/tensor/wasm';
 *
 * const kernel = new ElementwiseKernel('example_limited_exp', 1, ([x]) => limitedExp(x));
 * const y = zeros([3]);
 * kernel.run([tensor([-88, 0, 1])], y);
 * console.log(`${y}`);
 * // → Tensor<f32> [3]
 * // → [0.0000, 1.0000, 2.7183]
 * ```
 */
export function limitedExp(x: F32x4): F32x4 {
  const { n, r, curve } = exponentParts(f32x4.variable(x, 'limited'));
  const power = n.shl(i32.const(23)).add(i32x4.const(bitsOfOne)).as(f32x4);
  return powerOf(r, curve).mul(power);
}

/** 1 + r + curve·r². */
function powerOf(r: F32x4, curve: F32x4): F32x4 {
  const one = f32x4.const(1);
  return one.addMul(r, one.addMul(curve, r));
}

/**
 * Splits x into n·ln 2 + r as `exp` does, with `curve` from eʳ = 1 + r + curve·r². Only the low bits of n are right. The
 * polynomial is minimax for the relative error of eʳ, which is 3e-9.
 */
export function exponentParts(limited: F32x4): { n: I32x4; r: F32x4; curve: F32x4 } {
  const rounder = f32x4.const(1.5 * 2 ** 23);
  const shifted = f32x4.variable(rounder.addMul(limited, f32x4.const(Math.LOG2E)), 'shifted');
  const whole = f32x4.variable(shifted.sub(rounder), 'whole');
  const r = f32x4.variable(
    limited.subMul(whole, f32x4.const(0.693359375)).subMul(whole, f32x4.const(-2.1219444005469057e-4)),
    'r',
  );
  const coefficients = [1.3814540026e-3, 8.3687451126e-3, 4.1668390787e-2, 1.6666520399e-1, 0.4999999343];
  return { n: shifted.as(i32x4), r, curve: polynomial(r, coefficients) };
}

/**
 * The hyperbolic tangent, lane by lane, from that of h = x/2, which is h·p/q with polynomials p and q of x²:
 *
 *     tanh 2h = 2·tanh h / (1 + tanh² h) = 2·hp·q / (q² + (hp)²)
 *
 * Rounding errors of p and q cancel where the result tends to 1. The polynomials are minimax for the relative error of
 * tanh x, which is 1e-8. Their common factor keeps their mantissas near 2, where rounding errors are relatively small: a
 * test of all floats found 3.4 units in the last place, or 3.93 without fused multiply-adds.
 *
 * @example
 * ```ts
 * import { tensor, zeros } from '@mobinet/tensor';
 * import { ElementwiseKernel } from '@mobinet/tensor/kernels';
 * import { tanh } from '@mobinet/tensor/wasm';
 *
 * const kernel = new ElementwiseKernel('example_tanh', 1, ([x]) => tanh(x));
 * const y = zeros([2]);
 * kernel.run([tensor([0.5, 50])], y);
 * console.log(`${y}`);
 * // → Tensor<f32> [2]
 * // → [0.4621, 1.0000]
 * ```
 */
export function tanh(x: F32x4): F32x4 {
  // At the limits, the result is 1 in magnitude, and nowhere more.
  const limited = f32x4.variable(x.pmin(f32x4.const(9.02)).pmax(f32x4.const(-9.02)), 'limited');
  const square = f32x4.variable(limited.mul(limited), 'square');
  const p = polynomial(square, [4.84972879e-5, 1.26381731e-2, 0.424473405]);
  const q = f32x4.variable(polynomial(square, [1.04333162e-6, 1.02429267e-3, 9.60218832e-2, 0.84894681]), 'q');
  const hp = f32x4.variable(limited.mul(p), 'hp');
  return hp.add(hp).mul(q).div(hp.mul(hp).addMul(q, q));
}

/**
 * The natural logarithm, lane by lane: −∞ for 0, and NaN below.
 *
 * @example
 * ```ts
 * import { tensor, zeros } from '@mobinet/tensor';
 * import { ElementwiseKernel } from '@mobinet/tensor/kernels';
 * import { log } from '@mobinet/tensor/wasm';
 *
 * const kernel = new ElementwiseKernel('example_log', 1, ([x]) => log(x));
 * const y = zeros([3]);
 * kernel.run([tensor([1, Math.E, -1])], y);
 * console.log(`${y}`);
 * // → Tensor<f32> [3]
 * // → [0.0000, 1.0000,    nan]
 * ```
 */
export function log(x: F32x4): F32x4 {
  const [low, high] = logarithms(x);
  return join(low, high);
}

/**
 * x to the power of y by IEEE 754: e^(y·ln |x|), in double precision up to the exponential, then the sign.
 *
 * @example
 * ```ts
 * import { tensor, zeros } from '@mobinet/tensor';
 * import { ElementwiseKernel } from '@mobinet/tensor/kernels';
 * import { pow } from '@mobinet/tensor/wasm';
 *
 * const kernel = new ElementwiseKernel('example_pow', 2, ([x, y]) => pow(x, y));
 * const result = zeros([3]);
 * kernel.run([tensor([2, -2, 9]), tensor([10, 3, 0.5])], result);
 * console.log(`${result.values}`);
 * // → 1024,-8,3
 * ```
 */
export function pow(x: F32x4, y: F32x4): F32x4 {
  const base = f32x4.variable(x, 'base');
  const exponent = f32x4.variable(y, 'exponent');
  const [low, high] = logarithms(f32x4.variable(base.abs(), 'magnitude'));
  const [lowResult, lowShift] = expParts(low.mul(exponent.toF64x2Low()));
  const [highResult, highShift] = expParts(high.mul(upperHalf(exponent).toF64x2Low()));
  const n = i32x4.variable(lowShift.as(f32x4).shuffle(highShift.as(f32x4), 0, 1, 4, 5).as(i32x4), 'n');
  const magnitude = f32x4.variable(timesPowerOfTwo(join(lowResult, highResult), n), 'power');

  const half = f32x4.variable(exponent.mul(f32x4.const(0.5)), 'halfExponent');
  const isWhole = exponent.eq(exponent.floor());
  const isOdd = isWhole.and(half.gt(half.floor()));
  const isNegative = base.as(i32x4).shrS(i32.const(31)).as(f32x4);
  const signed = magnitude.neg().where(isNegative.and(isOdd), magnitude);
  const [zero, one, infinity] = [0, 1, Number.POSITIVE_INFINITY].map((value) => f32x4.const(value));
  const isNegativeNumber = base.lt(zero).and(base.gt(infinity.neg()));
  const isUndefined = isNegativeNumber.and(zero.where(isWhole, allOnes));
  const isOneToInfinity = base.abs().eq(one).and(exponent.abs().eq(infinity));
  const isOne = exponent.eq(zero).or(base.eq(one)).or(isOneToInfinity);
  return one.where(isOne, signed.or(isUndefined));
}

const allOnes = i32x4.const(-1).as(f32x4);

/**
 * The natural logarithms of lanes 0 and 1, and of lanes 2 and 3, in double precision. Write x = 2ᵏ·m with √½ ≤ m < √2,
 * and let s = (m − 1)/(m + 1). Then
 *
 *     ln x = k·ln 2 + 2·(s + s³/3 + s⁵/5 + …),   |s| < 0.172
 */
function logarithms(x: F32x4): [F64x2, F64x2] {
  const value = f32x4.variable(x, 'value');
  // Denormal numbers are scaled up first.
  const isSmall = value.lt(f32x4.const(smallestNormal));
  const scaled = value
    .mul(f32x4.const(2 ** 24))
    .where(isSmall, value)
    .as(i32x4);
  const bits = i32x4.variable(scaled.add(i32x4.const(bitsOfOne - bitsOfRootHalf)), 'bits');
  const bias = i32x4.const(127).add(isSmall.as(i32x4).and(i32x4.const(24)));
  const k = i32x4.variable(bits.shrS(i32.const(23)).sub(bias), 'k');
  const m = f32x4.variable(bits.and(i32x4.const(0x7fffff)).add(i32x4.const(bitsOfRootHalf)).as(f32x4), 'm');
  const infinity = f32x4.const(Number.POSITIVE_INFINITY);
  const zero = f32x4.const(0);
  const isNumber = value.ge(zero);
  const special = f32x4.variable(
    infinity
      .neg()
      .where(value.eq(zero), infinity.and(value.eq(infinity)))
      .or(zero.where(isNumber, allOnes)),
    'special',
  );
  const half = (m: F64x2, k: F64x2, special: F64x2): F64x2 => {
    const mantissa = f64x2.variable(m, 'mantissa');
    const one = f64x2.const(1);
    const s = f64x2.variable(mantissa.sub(one).div(mantissa.add(one)), 's');
    const square = f64x2.variable(s.mul(s), 'square');
    const series = [15, 13, 11, 9, 7, 5, 3, 1]
      .map((odd) => f64x2.const(2 / odd))
      .reduce((sum, coefficient) => sum.mul(square).add(coefficient));
    return f64x2.variable(k.mul(f64x2.const(Math.LN2)).add(s.mul(series)).add(special), 'logarithm');
  };
  const upperK = k.as(f32x4).shuffle(k.as(f32x4), 2, 3, 2, 3).as(i32x4);
  return [
    half(m.toF64x2Low(), k.toF64x2LowS(), special.toF64x2Low()),
    half(upperHalf(m).toF64x2Low(), upperK.toF64x2LowS(), upperHalf(special).toF64x2Low()),
  ];
}

const smallestNormal = 2 ** -126;
/** The bits of 1 as a float. */
const bitsOfOne = 0x3f800000;
/** The bits of √½ as a float. */
const bitsOfRootHalf = 0x3f3504f3;

/** eᵗ of two numbers as 2ⁿ·p with p between √½ and √2. Returns p, and n in lanes 0 and 1. */
function expParts(t: F64x2): [F64x2, I32x4] {
  const limited = f64x2.variable(t.min(f64x2.const(90)).max(f64x2.const(-110)), 'limited');
  const n = f64x2.variable(limited.mul(f64x2.const(Math.LOG2E)).nearest(), 'n');
  const r = f64x2.variable(limited.sub(n.mul(f64x2.const(Math.LN2))), 'r');
  // The exponential series, Σ rⁱ/i!.
  const series = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    .map((i) => f64x2.const(1 / factorial(i)))
    .reduce((sum, coefficient) => sum.mul(r).add(coefficient));
  return [f64x2.variable(series, 'power'), i32x4.variable(n.toI32x4Low(), 'shift')];
}

const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1));

/** Evaluates a polynomial by Horner's rule. The first coefficient is that of the highest power. */
export function polynomial(x: F32x4, coefficients: readonly number[]): F32x4 {
  return coefficients
    .map((coefficient) => f32x4.const(coefficient))
    .reduce((sum, coefficient) => coefficient.addMul(sum, x));
}

/** x·2ⁿ, in two factors. Only the low bits of n count, which is from −256 to 255. */
export function timesPowerOfTwo(x: F32x4, n: I32x4): F32x4 {
  const one = i32x4.const(bitsOfOne);
  // 2^⌊n/2⌋ as bits of an exponent: n shifted by one place less, without its lowest bit.
  const half = i32x4.variable(n.shl(i32.const(22)).and(i32x4.const(-(2 ** 23))), 'half');
  const rest = n.shl(i32.const(23)).sub(half);
  return x.mul(half.add(one).as(f32x4)).mul(rest.add(one).as(f32x4));
}

/** Lanes 2 and 3, in lanes 0 and 1. */
export const upperHalf = (x: F32x4): F32x4 => x.shuffle(x, 2, 3, 2, 3);

/** Rounds two pairs of doubles to four floats. */
export function join(low: F64x2, high: F64x2): F32x4 {
  return low.toF32x4Low().shuffle(high.toF32x4Low(), 0, 1, 4, 5);
}
