import { type F32x4, f32x4, i32x4 } from './lanes.js';
import { exponentParts, log, polynomial } from './math.js';
import { i32 } from './scalars.js';

// eˣ − 1 and ln(1 + x), without the cancellation of these formulas for small x.

/**
 * eˣ − 1, lane by lane. With x = n·ln 2 + r as in `exp`, and p = eʳ − 1,
 *
 *     eˣ − 1 = 2·(2ⁿ⁻¹·p + (2ⁿ⁻¹ − ½))
 *
 * @example
 * ```ts
 * import { tensor, zeros } from '@mobinet/tensor';
 * import { ElementwiseKernel } from '@mobinet/tensor/kernels';
 * import { expm1 } from '@mobinet/tensor/wasm';
 *
 * const kernel = new ElementwiseKernel('example_expm1', 1, ([x]) => expm1(x));
 * const y = zeros([3]);
 * kernel.run([tensor([-100, 0, 2 ** -40])], y);
 * console.log(y.values[0], y.values[1], y.values[2] === 2 ** -40);
 * // → -1 0 true
 * ```
 */
export function expm1(x: F32x4): F32x4 {
  const value = f32x4.variable(x, 'x');
  const limited = f32x4.variable(value.pmin(f32x4.const(89)).pmax(f32x4.const(-80)), 'limited');
  const { n, r, curve } = exponentParts(limited);
  // n is at most 128, so 2ⁿ⁻¹ is finite.
  const half = f32x4.const(0.5);
  const halfPower = f32x4.variable(n.shl(i32.const(23)).add(half.as(i32x4)).as(f32x4), 'halfPower');
  const halfResult = f32x4.variable(halfPower.sub(half).addMul(halfPower, r.addMul(curve, r.mul(r))), 'halfResult');
  return tinyOr(value, halfResult.add(halfResult));
}

/**
 * ln(1 + x), lane by lane: −∞ for −1, and NaN below. What 1 + x = y loses by rounding returns as a correction to first
 * order:
 *
 *     ln(1 + x) ≈ ln y + (x − (y − 1)) / y
 *
 * @example
 * ```ts
 * import { tensor, zeros } from '@mobinet/tensor';
 * import { ElementwiseKernel } from '@mobinet/tensor/kernels';
 * import { log1p } from '@mobinet/tensor/wasm';
 *
 * const kernel = new ElementwiseKernel('example_log1p', 1, ([x]) => log1p(x));
 * const y = zeros([3]);
 * kernel.run([tensor([-1, 0, 2 ** -40])], y);
 * console.log(y.values[0], y.values[1], y.values[2] === 2 ** -40);
 * // → -Infinity 0 true
 * ```
 */
export function log1p(x: F32x4): F32x4 {
  const value = f32x4.variable(x, 'x');
  const one = f32x4.const(1);
  const y = f32x4.variable(one.add(value), 'y');
  const isRegular = y.gt(f32x4.const(0)).and(y.lt(f32x4.const(Number.POSITIVE_INFINITY)));
  const lost = value.sub(y.sub(one)).div(y).and(isRegular);
  return tinyOr(value, log(y).add(lost));
}

/**
 * ln(1 + u), lane by lane, only for 0 ≤ u ≤ 1, with s = u/(2 + u) ≤ 1/3:
 *
 *     ln(1 + u) = 2·(s + s³/3 + s⁵/5 + …)
 *
 * The series is cut to five terms, whose coefficients are minimax: the relative error is 4e-9.
 *
 * @example
 * ```ts
 * import { tensor, zeros } from '@mobinet/tensor';
 * import { ElementwiseKernel } from '@mobinet/tensor/kernels';
 * import { log1pOfFraction } from '@mobinet/tensor/wasm';
 *
 * const kernel = new ElementwiseKernel('example_log1p_fraction', 1, ([u]) => log1pOfFraction(u));
 * const y = zeros([2]);
 * kernel.run([tensor([0, 1])], y);
 * console.log(`${y}`);
 * // → Tensor<f32> [2]
 * // → [0.0000, 0.6931]
 * ```
 */
export function log1pOfFraction(u: F32x4): F32x4 {
  const s = f32x4.variable(u.div(u.add(f32x4.const(2))), 's');
  const square = f32x4.variable(s.mul(s), 'square');
  return s.mul(polynomial(square, [0.281796755, 0.279603451, 0.400249253, 0.666663144, 2]));
}

/** x itself where eˣ − 1 and ln(1 + x) round to it. This also keeps the sign of −0. */
function tinyOr(x: F32x4, otherwise: F32x4): F32x4 {
  return x.whereTrue(x.abs().lt(f32x4.const(2 ** -25)), otherwise);
}
