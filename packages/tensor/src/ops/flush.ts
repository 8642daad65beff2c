/**
 * Gradients, and what optimizers remember of them, become 0 where they are smaller than this. In a saturated network they decay
 * without end, and processors multiply a hundred times slower where numbers are denormal, below 1.2e-38. The room between
 * leaves products with weights and activations normal, too; and what is so small moves no weight.
 */
export const smallestGradient = 1e-30;

/** The value, or 0 where it is smaller than `least`. NaN stays NaN. */
export function flushed(value: number, least: number = smallestGradient): number {
  return Math.abs(value) < least ? 0 : value;
}
