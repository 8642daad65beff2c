import { type F32x4, f32x4 } from './lanes.js';
import { limitedExp, polynomial } from './math.js';

/**
 * The coefficients of erf z = z + z·(… z² …) for |z| ≤ 0.9, highest power first. These and the next ones are minimax
 * for the relative error.
 */
export const erfCoefficients = [
  -6.090361095e-4, 5.011963053e-3, -2.677890909e-2, 1.128214082e-1, -3.761252328e-1, 1.28379154e-1,
] as const;
/** Where `erfCoefficients` end. */
export const erfLimit = 0.9;
/**
 * Φ(−a)·e^(a²/2) = p(a)/q(a) for a from 0 to `tailLimit`, with the distribution function Φ of the standard normal
 * distribution: the coefficients of p and q, highest power first, with a relative error of 6e-9.
 */
export const tailCoefficients = {
  p: [4.1162935746e-3, 4.0633126668e-2, 1.8323484935e-1, 4.3829457379e-1, 0.5],
  q: [1.0317898115e-2, 1.0185859134e-1, 4.6946986653e-1, 1.2025019636, 1.6744741288, 1],
} as const;
/** Beyond this a, Φ(−a) is less than the smallest normal number. */
export const tailLimit = 13.26;

/** Φ(−a) for 0 ≤ a ≤ `tailLimit`, and e^(−a²/2), lane by lane. They are 0 where they would be denormal. */
function normalTail(a: F32x4): { beyond: F32x4; power: F32x4 } {
  const power = f32x4.variable(limitedExp(a.mul(a).mul(f32x4.const(-0.5))), 'power');
  const { p, q } = tailCoefficients;
  return { beyond: power.mul(polynomial(a, p).div(polynomial(a, q))), power };
}

/**
 * The error function, lane by lane.
 *
 * @example
 * ```ts
 * import { tensor, zeros } from '@mobinet/tensor';
 * import { ElementwiseKernel } from '@mobinet/tensor/kernels';
 * import { erf } from '@mobinet/tensor/wasm';
 *
 * const kernel = new ElementwiseKernel('example_erf', 1, ([x]) => erf(x));
 * const y = zeros([3]);
 * kernel.run([tensor([-1, 0, 4])], y);
 * console.log(`${y}`);
 * // → Tensor<f32> [3]
 * // → [-0.8427,  0.0000,  1.0000]
 * ```
 */
export function erf(x: F32x4): F32x4 {
  const value = f32x4.variable(x, 'x');
  const square = f32x4.variable(value.mul(value), 'square');
  const near = f32x4.variable(value.addMul(value, polynomial(square, erfCoefficients)), 'near');
  const size = f32x4.variable(value.abs(), 'size');
  const a = f32x4.variable(size.mul(f32x4.const(Math.SQRT2)).pmin(f32x4.const(tailLimit)), 'a');
  const far = f32x4.variable(f32x4.const(1).subMul(f32x4.const(2), normalTail(a).beyond), 'far');
  const isNegative = value.lt(f32x4.const(0));
  return near.whereTrue(size.lt(f32x4.const(erfLimit)), far.neg().whereTrue(isNegative, far));
}

/**
 * The distribution function Φ(x) = (1 + erf(x/√2)) / 2 of the standard normal distribution and its density φ(x), lane
 * by lane. Both contain the same exponential. Φ has a small relative error also for negative x, where it tends to 0, and
 * is 0 where it would be denormal.
 *
 * @example
 * ```ts
 * import { tensor, zeros } from '@mobinet/tensor';
 * import { ElementwiseKernel } from '@mobinet/tensor/kernels';
 * import { normalDistribution } from '@mobinet/tensor/wasm';
 *
 * const kernel = new ElementwiseKernel('example_normal', 1, ([x]) => normalDistribution(x).below);
 * const y = zeros([3]);
 * kernel.run([tensor([-1.96, 0, 1.96])], y);
 * console.log(`${y}`);
 * // → Tensor<f32> [3]
 * // → [0.0250, 0.5000, 0.9750]
 * ```
 */
export function normalDistribution(x: F32x4): { below: F32x4; density: F32x4 } {
  const value = f32x4.variable(x, 'x');
  const a = f32x4.variable(value.abs().pmin(f32x4.const(tailLimit)), 'a');
  const tail = normalTail(a);
  const beyond = f32x4.variable(tail.beyond, 'beyond');
  const below = beyond.whereTrue(value.lt(f32x4.const(0)), f32x4.const(1).sub(beyond));
  return { below, density: tail.power.mul(f32x4.const(1 / Math.sqrt(2 * Math.PI))) };
}
