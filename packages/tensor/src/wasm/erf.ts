import { type F32x4, f32x4 } from './lanes.js';
import { exp, polynomial } from './math.js';

/**
 * The coefficients of erf z = z + z·(… z² …) for |z| ≤ 0.9, highest power first. These and the next ones are minimax
 * polynomials for the relative error, found by Remez' exchange algorithm in 40 digits.
 */
export const erfCoefficients = [
  -6.090361095e-4, 5.011963053e-3, -2.677890909e-2, 1.128214082e-1, -3.761252328e-1, 1.28379154e-1,
] as const;
/** Where `erfCoefficients` end. */
export const erfLimit = 0.9;
/** The coefficients of eᶻ²·erfc z = t·(… t …) with t = 1/(1 + 0.4 z) for all z ≥ 0, with a relative error of 1.3e-7. */
export const erfcxCoefficients = [
  5.025420784e-2, -1.828735547e-1, 1.690459272e-1, -5.578818893e-3, 1.414200524e-1, 1.685443826e-1, 2.078424543e-1,
  2.256696075e-1, 2.256758619e-1,
] as const;
/** The factor of z in t. */
export const erfcxScale = 0.4;

/** 1 − erf z for z ≥ 0, from e^(−z²), lane by lane. */
function erfc(z: F32x4, power: F32x4): F32x4 {
  const one = f32x4.const(1);
  const t = f32x4.variable(one.div(one.addMul(z, f32x4.const(erfcxScale))), 't');
  return power.mul(t.mul(polynomial(t, erfcxCoefficients)));
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
  const far = f32x4.variable(f32x4.const(1).sub(erfc(size, exp(square.neg()))), 'far');
  const isNegative = value.lt(f32x4.const(0));
  return near.where(size.lt(f32x4.const(erfLimit)), far.neg().where(isNegative, far));
}

/**
 * The distribution function Φ(x) = (1 + erf(x/√2)) / 2 of the standard normal distribution and its density φ(x), lane
 * by lane. Both contain the same exponential. Φ has a small relative error also for negative x, where it tends to 0.
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
  const power = f32x4.variable(exp(value.mul(value).mul(f32x4.const(-0.5))), 'power');
  const z = f32x4.variable(value.abs().mul(f32x4.const(Math.SQRT1_2)), 'z');
  const beyond = f32x4.variable(f32x4.const(0.5).mul(erfc(z, power)), 'beyond');
  const below = beyond.where(value.lt(f32x4.const(0)), f32x4.const(1).sub(beyond));
  return { below, density: power.mul(f32x4.const(1 / Math.sqrt(2 * Math.PI))) };
}
