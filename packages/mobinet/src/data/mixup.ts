import type { NumberRange, Rng, Tensor } from '@mobinet/tensor/functions';

/** α of mixup; 0 for no mixup. */
export const mixupRange: NumberRange = { from: 0, to: 100 };

/**
 * How the examples of a batch are mixed (Zhang et al., 2018): each is `share` of an image plus 1 − `share` of another
 * one, and so is its loss.
 */
export interface Mixup {
  /** From 0 to 1. */
  readonly share: number;
  /** i32 [count], the classes of the other images. */
  readonly labels: Tensor<'i32'>;
}

/**
 * Draws the share of the first image from the distribution Beta(α, α), by Bailey's formula for Student's t (1994), which
 * needs two random numbers and no logarithm: t / √(2α + t²) maps t with 2α degrees of freedom to 2 · share − 1.
 */
export function drawShare(alpha: number, rng: Rng): number {
  const [radius, angle] = [rng.float() ** (-1 / alpha) - 1, Math.cos(2 * Math.PI * rng.float())];
  return (1 + Math.sign(angle) / Math.sqrt(1 + 1 / (radius * angle ** 2))) / 2;
}

/**
 * Mixes each image with the next one, in place. The order of the images is random, so the next one is as good as any.
 *
 * @param images The elements of all images.
 * @param after The elements of the image after the last.
 */
export function mixWithNext(images: Float32Array, after: Float32Array, share: number): void {
  const last = images.length - after.length;
  for (let i = 0; i < images.length; i++) {
    // The next image is not mixed yet.
    const other = i < last ? images[i + after.length] : after[i - last];
    images[i] = share * images[i] + (1 - share) * other;
  }
}
