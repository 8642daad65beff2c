/**
 * Gradients and optimizer state smaller than this in absolute value are flushed to 0.
 *
 * In a saturated network they decay without end, and processors multiply a hundred times slower once numbers are
 * denormal, below 1.2e-38. The margin between the two keeps products with weights and activations normal as well, and a
 * value this small moves no weight.
 *
 * @example
 * ```ts
 * import { smallestGradient } from '@mobinet/tensor/kernels';
 *
 * console.log(smallestGradient);
 * // → 1e-30
 * ```
 */
export const smallestGradient = 1e-30;

/**
 * The value, or 0 if its absolute value is below `threshold`. NaN stays NaN.
 *
 * @example
 * ```ts
 * import { flushed } from '@mobinet/tensor/kernels';
 *
 * console.log(`${flushed(1e-31)}, ${flushed(1e-29)}, ${flushed(Number.NaN)}`);
 * // → 0, 1e-29, NaN
 * ```
 */
export function flushed(value: number, threshold: number = smallestGradient): number {
  return Math.abs(value) < threshold ? 0 : value;
}
