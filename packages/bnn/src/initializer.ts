import type { Rng, Shape, Tensor } from '@mobinet/tensor';

/**
 * Fresh latent weights: normal, with a deviation of 0.03.
 *
 * The forward pass sees their signs alone; the scale α is undone by the BatchNorm that follows. So their size says only
 * how many steps of the optimizer it takes to flip a sign. Initialisers for floats (√(2/fanIn)) make them so large that a
 * short training ends before most signs could change.
 */
export function latentNormal(rng: Rng, shape: Shape): Tensor {
  return rng.normal(shape, 0, 0.03);
}
