import { when } from './control.js';
import { type F32x4, type F64x2, f32x4, f64x2, type I32x4, i32x4 } from './lanes.js';
import { join, polynomial, upperHalf } from './math.js';
import { type F32, f32, f64, type I32, type I64, i32, i64, select } from './scalars.js';

// Sine, cosine and tangent. Each subtracts a multiple of π/2 from x, so that |r| ≤ π/4 is left:
//
//     x = n·π/2 + r,   sin x = sin r, cos r, −sin r, −cos r  for n mod 4 = 0, 1, 2, 3
//
// The subtraction cancels leading digits of x, so it needs π to more digits than x has.

/**
 * The sine, lane by lane, for any float: NaN for infinities.
 *
 * @example
 * ```ts
 * import { tensor, zeros } from '@mobinet/tensor';
 * import { ElementwiseKernel } from '@mobinet/tensor/kernels';
 * import { sin } from '@mobinet/tensor/wasm';
 *
 * const kernel = new ElementwiseKernel('example_sin', 1, ([x]) => sin(x));
 * const y = zeros([3]);
 * kernel.run([tensor([0, Math.PI / 2, 1e30])], y);
 * console.log(`${y}`);
 * // → Tensor<f32> [3]
 * // → [ 0.0000,  1.0000, -0.7912]
 * ```
 */
export function sin(x: F32x4): F32x4 {
  const value = f32x4.variable(x, 'x');
  const { n, r } = withoutQuarters(value);
  return nearZero(value, atQuarter(n, r));
}

/**
 * The cosine, lane by lane, for any float: NaN for infinities.
 *
 * @example
 * ```ts
 * import { tensor, zeros } from '@mobinet/tensor';
 * import { ElementwiseKernel } from '@mobinet/tensor/kernels';
 * import { cos } from '@mobinet/tensor/wasm';
 *
 * const kernel = new ElementwiseKernel('example_cos', 1, ([x]) => cos(x));
 * const y = zeros([2]);
 * kernel.run([tensor([0, Math.PI])], y);
 * console.log(`${y.values}`);
 * // → 1,-1
 * ```
 */
export function cos(x: F32x4): F32x4 {
  const { n, r } = withoutQuarters(f32x4.variable(x, 'x'));
  return atQuarter(n.add(i32x4.const(1)), r);
}

/**
 * The tangent, lane by lane, for any float: NaN for infinities.
 *
 * @example
 * ```ts
 * import { tensor, zeros } from '@mobinet/tensor';
 * import { ElementwiseKernel } from '@mobinet/tensor/kernels';
 * import { tan } from '@mobinet/tensor/wasm';
 *
 * const kernel = new ElementwiseKernel('example_tan', 1, ([x]) => tan(x));
 * const y = zeros([2]);
 * kernel.run([tensor([0, Math.PI / 4])], y);
 * console.log(`${y}`);
 * // → Tensor<f32> [2]
 * // → [0.0000, 1.0000]
 * ```
 */
export function tan(x: F32x4): F32x4 {
  const value = f32x4.variable(x, 'x');
  const { n, r } = withoutQuarters(value);
  const [sine, cosine] = [f32x4.variable(sineNearZero(r), 'sine'), f32x4.variable(cosineNearZero(r), 'cosine')];
  // tan(r + π/2) = −cos r / sin r.
  const isOdd = f32x4.variable(isOddMask(n), 'isOdd');
  return nearZero(value, cosine.where(isOdd, sine).div(sine.neg().where(isOdd, cosine)));
}

/** sin(r + n·π/2). */
function atQuarter(n: I32x4, r: F32x4): F32x4 {
  const quarter = i32x4.variable(n, 'quarter');
  const value = cosineNearZero(r).where(isOddMask(quarter), sineNearZero(r));
  const sign = quarter.and(i32x4.const(2)).shl(i32.const(30));
  return value.xor(sign.as(f32x4));
}

function isOddMask(n: I32x4): F32x4 {
  return n.and(i32x4.const(1)).eq(i32x4.const(1)).as(f32x4);
}

/** x itself where sin x and tan x round to it. This also keeps the sign of −0. */
function nearZero(x: F32x4, otherwise: F32x4): F32x4 {
  return x.where(x.abs().lt(f32x4.const(2 ** -13)), otherwise);
}

/** The coefficients of sin r = r + r³·(…r² …) for |r| ≤ π/4, highest power first (Cephes, sinf). */
export const sineCoefficients = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1] as const;
/** The coefficients of cos r = 1 − r²/2 + r⁴·(…r² …) (Cephes, cosf). */
export const cosineCoefficients = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2] as const;

function sineNearZero(r: F32x4): F32x4 {
  const square = f32x4.variable(r.mul(r), 'square');
  return r.addMul(polynomial(square, sineCoefficients), square.mul(r));
}

function cosineNearZero(r: F32x4): F32x4 {
  const square = f32x4.variable(r.mul(r), 'square');
  const small = f32x4.const(1).sub(square.mul(f32x4.const(0.5)));
  return small.addMul(polynomial(square, cosineCoefficients), square.mul(square));
}

/** Up to here, n has few enough bits for products that are exact in double precision. */
const limit = 2 ** 20;
/** π/2 in two parts, of which the first has 33 bits, so that its product with n is exact (fdlibm, e_rem_pio2.c). */
const [upperPart, lowerPart] = [1.5707963267341256, 6.077100506506192e-11];

/** Writes x as n·π/2 + r. Only n mod 4 is right; r is NaN for infinities and NaN. */
function withoutQuarters(x: F32x4): { n: I32x4; r: F32x4 } {
  const half = (two: F64x2): { n: I32x4; r: F64x2 } => {
    const wide = f64x2.variable(two, 'wide');
    const n = f64x2.variable(wide.mul(f64x2.const(2 / Math.PI)).nearest(), 'quarters');
    const r = wide.sub(n.mul(f64x2.const(upperPart))).sub(n.mul(f64x2.const(lowerPart)));
    return { n: i32x4.variable(n.toI32x4Low(), 'n'), r: f64x2.variable(r, 'r') };
  };
  const [low, high] = [half(x.toF64x2Low()), half(upperHalf(x).toF64x2Low())];
  const n = i32x4.variable(low.n.as(f32x4).shuffle(high.n.as(f32x4), 0, 1, 4, 5).as(i32x4), 'n');
  const r = f32x4.variable(join(low.r, high.r), 'r');

  const size = f32x4.variable(x.abs(), 'size');
  const infinity = f32x4.const(Number.POSITIVE_INFINITY);
  const isLarge = i32x4.variable(size.gt(f32x4.const(limit)).and(size.lt(infinity)).as(i32x4), 'isLarge');
  when(isLarge.anyTrue(), () => {
    for (const lane of [0, 1, 2, 3]) {
      when(isLarge.lane(lane), () => {
        const exact = largeWithoutQuarters(i32.variable(x.as(i32x4).lane(lane), 'bits'));
        const here = i32x4.const(...[0, 1, 2, 3].map((k) => (k === lane ? -1 : 0)));
        n.set(i32x4.splat(exact.n).where(here, n));
        r.set(f32x4.splat(exact.r).where(here, r));
      });
    }
  });
  return { n, r };
}

/** 2/π · 2²⁵¹, 256 bits of which the first 5 are 0. */
const twoOverPi = 0x0517cc1b727220a94fe13abe8fa9a6ee06db14acc9e21c820ff28b1d5ef5de2bn;

/**
 * The same for one float, given by its bits, of at least 2²⁰ in size: M. H. Payne and R. N. Hanek, "Radian reduction for
 * trigonometric functions" (1983). |x| = m·2ᵉ with a whole m of 24 bits, and only x·2/π mod 4 matters, so the bits of
 * 2/π that 2ᵉ moves beyond the 2 lowest bits of its whole part are left out. m is multiplied by the next 96 bits.
 */
function largeWithoutQuarters(bits: I32): { n: I32; r: F32 } {
  // The first of these bits, of those of `twoOverPi`: 0 for 2²⁰, whose e is −3.
  const start = i32.variable(bits.shrU(23).and(255).sub(147), 'start');
  const word = i32.variable(start.shrU(5), 'word');
  const shift = i64.variable(start.and(31).toI64U(), 'shift');
  const bitsFrom = (k: number): bigint => BigInt.asIntN(64, twoOverPi >> BigInt(192 - 32 * k));
  const chosen = (k: number): I64 =>
    [2, 1, 0].reduce<I64>(
      (later, at) => select<I64>(word.eq(at), i64.const(bitsFrom(at + k)), later),
      i64.const(bitsFrom(3 + k)),
    );
  const [upper, lower] = [i64.variable(chosen(0), 'upper'), i64.variable(chosen(2), 'lower')];
  const first64 = upper.shl(shift).or(lower.shrU(1).shrU(i64.const(63).sub(shift)));
  const next32 = lower.shl(shift).shrU(32);
  const m = i64.variable(bits.and(0x7fffff).or(0x800000).toI64U(), 'm');
  // In units of 2⁻⁶².
  const quarters = i64.variable(m.mul(first64).add(m.mul(next32).shrU(32)), 'quarters');
  const n = i64.variable(quarters.add(i64.const(2n ** 61n)).shrU(62), 'whole');
  const rest = quarters.sub(n.shl(62)).toF64S();
  const r = f32.variable(rest.mul(f64.const((2 ** -62 * Math.PI) / 2)).toF32(), 'rest');
  const isNegative = bits.ltS(0);
  return {
    n: select<I32>(isNegative, i32.const(0).sub(n.toI32()), n.toI32()),
    r: select<F32>(isNegative, f32.const(0).sub(r), r),
  };
}
