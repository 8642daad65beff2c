import {
  checkList,
  checkNumber,
  checkRng,
  type Rng,
  type Shape,
  type Tensor,
  wholeNumbers,
} from '@mobinet/tensor/functions';

/**
 * Initial latent weights: normal, with standard deviation 0.03.
 *
 * The forward pass sees only their signs, and the BatchNorm that follows cancels the factor α. So their magnitude
 * matters only for how many optimizer steps it takes to flip a sign. Initializers for floats (√(2/fanIn)) make latent
 * weights so large that a short training run ends before most signs could change.
 *
 * @param rng The source of the numbers. It advances.
 * @param shape Any shape.
 * @returns An f32 tensor of this shape.
 * @throws TypeError without an `rng`; ShapeError if `shape` is not a shape.
 * @example
 * ```ts
 * import { latentNormal } from '@mobinet/bnn';
 * import { Rng, variance } from '@mobinet/tensor';
 *
 * const weight = latentNormal(Rng.fromSeed(0), [64, 3, 3, 8]);
 * console.log(Math.sqrt(variance(weight).values[0]).toFixed(2));
 * // → 0.03
 * ```
 */
export function latentNormal(rng: Rng, shape: Shape): Tensor {
  checkRng('latentNormal', rng);
  checkList('latentNormal', shape);
  for (const size of shape) checkNumber('latentNormal: each axis of the shape', size, wholeNumbers(0));
  return rng.normal(shape, 0, 0.03);
}
