import { checkNumber, clip, mul, type Tensor, tidy } from '@mobinet/tensor';
import { flatten, unflatten } from './tree.js';

/** The Euclidean norm over all elements of all gradients. The one of tied parameters, which stands at several places, counts once. */
export function globalNorm(gradients: object): number {
  let sum = 0;
  for (const [, { values }] of flatten(gradients)) for (let i = 0; i < values.length; i++) sum += values[i] * values[i];
  return Math.sqrt(sum);
}

/**
 * Gradients scaled down so that their global norm is at most `maxNorm`; unchanged where it already is.
 * Returns new tensors; the given ones stay the caller's.
 *
 * @throws RangeError unless `maxNorm` is a number above 0.
 */
export function clipByGlobalNorm<G extends object>(gradients: G, maxNorm: number): G {
  checkNumber('clipByGlobalNorm: maxNorm', maxNorm, { above: 0 });
  const norm = globalNorm(gradients);
  // A norm of NaN makes every gradient NaN, which is noticed, whereas one spoiled number among many is not.
  const scale = norm <= maxNorm ? 1 : maxNorm / norm;
  return mapTree(gradients, (gradient) => mul(gradient, scale));
}

/** Gradients with every element limited to [−limit, limit], as new tensors. @throws RangeError unless `limit` is a number above 0. */
export function clipByValue<G extends object>(gradients: G, limit: number): G {
  checkNumber('clipByValue: limit', limit, { above: 0 });
  return mapTree(gradients, (gradient) => clip(gradient, -limit, limit));
}

function mapTree<G extends object>(tree: G, f: (tensor: Tensor) => Tensor): G {
  const mapped = tidy(() => new Map(flatten(tree).map(([path, tensor]) => [path, f(tensor)])));
  return unflatten(tree, mapped) as object as G;
}
