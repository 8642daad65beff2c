import {
  abs,
  checkNumber,
  clip,
  div,
  lessEqual,
  mul,
  sqrt,
  square,
  stack,
  sum,
  type Tensor,
  tidy,
  where,
  zeros,
} from '@mobinet/tensor';
import { noGradient } from './differentiate.js';
import { flatten, unflatten } from './tree.js';

/**
 * The Euclidean norm of all elements of all gradients together, as a scalar tensor. The gradient of a tied parameter,
 * which is at several places in the tree, counts once. NaN if an element is NaN, else ∞ if one is infinite; 0 for a
 * tree without gradients.
 */
export function globalNorm(gradients: object): Tensor {
  const all = flatten(gradients).map(([, gradient]) => gradient);
  if (all.length === 0) return zeros([]);
  const total = (parts: readonly Tensor[]): Tensor => sum(stack(parts));
  return tidy(() => {
    // Squares of large elements would overflow f32, so elements are first divided by the sum of all magnitudes, which
    // none exceeds. The limits keep this divisor away from 0, and from ∞, which would turn an infinite element into
    // NaN. The norm does not depend on the divisor, so no gradient goes through it.
    const unit = noGradient(() => clip(total(all.map((gradient) => sum(abs(gradient)))), 1e-30, 3e38));
    return mul(unit, sqrt(total(all.map((gradient) => sum(square(div(gradient, unit)))))));
  });
}

/**
 * Gradients scaled by min(1, maxNorm / norm), so that their global norm is at most `maxNorm`. The norm is not read
 * back, so this does not wait for a GPU. Returns new tensors; the caller still owns the given ones.
 *
 * @throws RangeError unless `maxNorm` is a number above 0.
 */
export function clipByGlobalNorm<G extends object>(gradients: G, maxNorm: number): G {
  checkNumber('clipByGlobalNorm: maxNorm', maxNorm, { above: 0 });
  const scale = tidy(() => {
    const norm = globalNorm(gradients);
    // A NaN norm makes every gradient NaN. That gets noticed, whereas a single NaN among many elements might not.
    return where(lessEqual(norm, maxNorm), 1, div(maxNorm, norm));
  });
  const clipped = mapTree(gradients, (gradient) => mul(gradient, scale));
  scale.dispose();
  return clipped;
}

/**
 * Gradients with every element limited to [−limit, limit]. Returns new tensors; the caller still owns the given ones.
 *
 * @throws RangeError unless `limit` is a number above 0.
 */
export function clipByValue<G extends object>(gradients: G, limit: number): G {
  checkNumber('clipByValue: limit', limit, { above: 0 });
  return mapTree(gradients, (gradient) => clip(gradient, -limit, limit));
}

function mapTree<G extends object>(tree: G, f: (tensor: Tensor) => Tensor): G {
  const mapped = tidy(() => new Map(flatten(tree).map(([path, tensor]) => [path, f(tensor)])));
  return unflatten(tree, mapped) as object as G;
}
