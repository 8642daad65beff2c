import {
  abs,
  checkNumber,
  clip,
  div,
  lessEqual,
  mul,
  shown,
  sqrt,
  square,
  stack,
  sum,
  type Tensor,
  tidy,
  where,
  zeros,
} from '@mobinet/tensor/functions';
import { noGradient } from './differentiate.js';
import { flatten, unflatten } from './tree.js';

/**
 * The Euclidean norm of all elements of all gradients together, √(Σ g²). The gradient of a tied parameter, which is at
 * several places in the tree, counts once.
 *
 * @param gradients A tree of gradients, such as `valueAndGradient` returns: f32 tensors of any shapes.
 * @returns A scalar tensor: NaN if an element is NaN, else ∞ if one is infinite; 0 for a tree without gradients.
 * @example
 * ```ts
 * import { globalNorm } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * const norm = globalNorm({ weight: tensor([3, 0]), bias: tensor([-4]) });
 * console.log(norm.values[0].toFixed(2));
 * // → 5.00
 * ```
 */
export function globalNorm(gradients: object): Tensor {
  checkTree('globalNorm', gradients);
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
 * Gradients scaled by min(1, maxNorm / norm), so that their global norm is at most `maxNorm` (Pascanu et al., 2013).
 * The norm is not read back, so this does not wait for a GPU. Returns new tensors; the caller still owns the given
 * ones.
 *
 * @param gradients A tree of gradients, such as `valueAndGradient` returns.
 * @param maxNorm The largest norm that is left unchanged, above 0.
 * @returns A tree with the same nesting, names and shapes. All elements are NaN if the norm is.
 * @throws RangeError unless `maxNorm` is a number above 0; TypeError if there are no gradients, but a number, say.
 * @example
 * ```ts
 * import { clipByGlobalNorm } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * // The norm is 5, so everything is divided by 5.
 * const { weight, bias } = clipByGlobalNorm({ weight: tensor([3, 0]), bias: tensor([-4]) }, 1);
 * console.log([...weight.values, ...bias.values].map((value) => value.toFixed(2)).join(' '));
 * // → 0.60 0.00 -0.80
 * ```
 */
export function clipByGlobalNorm<G extends object>(gradients: G, maxNorm: number): G {
  checkTree('clipByGlobalNorm', gradients);
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
 * Unlike `clipByGlobalNorm`, it changes the direction of the gradient.
 *
 * @param gradients A tree of gradients, such as `valueAndGradient` returns.
 * @param limit The largest absolute value, above 0.
 * @returns A tree with the same nesting, names and shapes.
 * @throws RangeError unless `limit` is a number above 0; TypeError if there are no gradients, but a number, say.
 * @example
 * ```ts
 * import { clipByValue } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * const { weight } = clipByValue({ weight: tensor([-5, 0.5, 3]) }, 1);
 * console.log(`${weight.values}`);
 * // → -1,0.5,1
 * ```
 */
export function clipByValue<G extends object>(gradients: G, limit: number): G {
  checkTree('clipByValue', gradients);
  checkNumber('clipByValue: limit', limit, { above: 0 });
  return mapTree(gradients, (gradient) => clip(gradient, -limit, limit));
}

function checkTree(op: string, gradients: unknown): void {
  if (typeof gradients === 'object' && gradients !== null) return;
  throw new TypeError(`${op}: needs gradients, a tensor, a record or a list of them, not ${shown(gradients)}`);
}

function mapTree<G extends object>(tree: G, f: (tensor: Tensor) => Tensor): G {
  const mapped = tidy(() => new Map(flatten(tree).map(([path, tensor]) => [path, f(tensor)])));
  return unflatten(tree, mapped) as object as G;
}
