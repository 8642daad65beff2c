import {
  apply,
  applyInto,
  type BitTensor,
  checkTensor,
  defineOp,
  packBits,
  ShapeError,
  sameShape,
  type Tensor,
} from '@mobinet/tensor/functions';
import { checkScalingGradient, type ScalingGradient } from './gradient-kinds.js';
import { alphaKernel, filterGrain, weightGradientKernel } from './scaling.wasm.js';
import { alphaOnGpu, weightGradientOnGpu } from './scaling.wgsl.js';

/** The best approximation of W by signs and one scaling factor per filter. */
export interface BinarizedWeights {
  /** B* = sign(W), of W's shape. */
  readonly signs: BitTensor;
  /** α* = ‖W‖₁ / n, shape [filters]. */
  readonly alpha: Tensor;
}

/**
 * Solves min ‖W − αB‖² over α and B ∈ {±1}ⁿ for each filter of n weights (eq. 3):
 *
 * 1. ‖W − αB‖² = ‖W‖² − 2α·(W·B) + α²n, since every B_i² is 1.
 * 2. For any α > 0, this is least where W·B is largest: at B = sign(W), where W·B = ‖W‖₁.
 * 3. The derivative with respect to α, −2‖W‖₁ + 2αn, is 0 at α = ‖W‖₁/n, the mean of |W|.
 *
 * @param weight [filters, ...]
 * @returns The signs, and α [filters].
 * @example
 * ```ts
 * import { binarizeWeights } from '@mobinet/bnn';
 * import { tensor, unpackBits } from '@mobinet/tensor';
 *
 * const { signs, alpha } = binarizeWeights(tensor([[1, -2], [0.5, 0.5]]));
 * console.log(`signs ${unpackBits(signs).values}, α ${alpha.values}`);
 * // → signs 1,-1,1,1, α 1.5,0.5
 * ```
 */
export function binarizeWeights(weight: Tensor): BinarizedWeights {
  checkTensor('binarizeWeights', weight, 'weight', ['f32']);
  return { signs: packBits(weight), alpha: apply(alphaOp, [weight], undefined)[0] };
}

const alphaOp = defineOp<[Tensor], [Tensor]>({
  name: 'binaryScale',
  outputs: ([weight]) => [{ dtype: 'f32', shape: [weight.shape[0]] }],
  reference([{ values: w }], [{ values: alpha }]) {
    const n = w.length / alpha.length;
    for (let filter = 0; filter < alpha.length; filter++) {
      let sum = 0;
      for (let i = filter * n; i < (filter + 1) * n; i++) sum += Math.abs(w[i]);
      alpha[filter] = sum / n;
    }
  },
  fast([weight], [alpha]) {
    const n = weight.size / alpha.size;
    alphaKernel.run({ weight, alpha, n }, alpha.size, { grain: filterGrain(alpha.size, n) });
  },
  webgpu: ([weight], [alpha]) => alphaOnGpu(weight, alpha),
});

/**
 * ∂L/∂W from ∂L/∂Ŵ, where Ŵ = α·sign(W), α = mean|W| over the n weights of a filter, and the derivative of sign is
 * estimated as 1_{|W| ≤ 1} (`'clip'`):
 *
 *     ∂L/∂W_i = Σ_j ∂L/∂Ŵ_j · ∂Ŵ_j/∂W_i                                              (eq. 4)
 *     ∂Ŵ_j/∂W_i = sign(W_i)·sign(W_j)/n + α·δ_ij·1_{|W_i| ≤ 1}                       (eq. 5, the product rule)
 *
 * so ∂L/∂W_i = sign(W_i)/n · Σ_j (∂L/∂Ŵ_j)·sign(W_j) + α·1_{|W_i| ≤ 1}·∂L/∂Ŵ_i. The first term is the path through α.
 * It vanishes where W_i is 0, since the derivative of |W_i| is 0 there by convention, as in `abs`. `'xnor-net'` keeps
 * only j = i of its sum, and `'detached'` drops it.
 *
 * @param binarizedGradient ∂L/∂Ŵ, of W's shape.
 * @param weight W, [filters, ...].
 * @param alpha [filters], from `binarizeWeights`.
 * @param scalingGradient Which part of eq. (4) is kept.
 * @returns ∂L/∂W, of W's shape.
 * @throws ShapeError if the operands do not fit; RangeError for an unknown `scalingGradient`.
 * @example
 * ```ts
 * import { weightGradient } from '@mobinet/bnn/kernels';
 * import { tensor } from '@mobinet/tensor';
 *
 * // One filter of two weights, of which the second is outside of [−1, 1].
 * const [gradient, weight, alpha] = [tensor([[1, -1]]), tensor([[0.5, -1.5]]), tensor([1])];
 * for (const mode of ['full', 'xnor-net', 'detached'] as const) {
 *   console.log(`${mode}: ${weightGradient(gradient, weight, alpha, mode).values}`);
 * }
 * // → full: 2,-1
 * // → xnor-net: 1.5,-0.5
 * // → detached: 1,0
 * ```
 */
export function weightGradient(
  binarizedGradient: Tensor,
  weight: Tensor,
  alpha: Tensor,
  scalingGradient: ScalingGradient,
): Tensor {
  checkScalingGradient('weightGradient', scalingGradient);
  return apply(weightGradientOps[scalingGradient], [binarizedGradient, weight, alpha], undefined)[0];
}

/** `weightGradient` in place: overwrites and returns `binarizedGradient`, saving memory the size of all weights. */
export function weightGradientInPlace(
  binarizedGradient: Tensor,
  weight: Tensor,
  alpha: Tensor,
  scalingGradient: ScalingGradient,
): Tensor {
  applyInto(weightGradientOps[scalingGradient], [binarizedGradient, weight, alpha], [binarizedGradient], undefined);
  return binarizedGradient;
}

/** The rule of one mode. `throughAlpha(Σ_j g_j·sign(W_j), g_i, ∂|W_i|/∂W_i, n)` is its version of the first term. */
function defineWeightGradient(
  mode: ScalingGradient,
  throughAlpha: (alignment: number, gradient: number, slope: number, n: number) => number,
) {
  return defineOp<[Tensor, Tensor, Tensor], [Tensor]>({
    name: `binaryWeightGradient (${mode})`,
    outputs([gradient, weight, alpha]) {
      if (!sameShape(gradient.shape, weight.shape) || !sameShape(alpha.shape, weight.shape.slice(0, 1))) {
        const operands = [
          { name: 'binarizedGradient', shape: gradient.shape },
          { name: 'weight', shape: weight.shape, note: weight.label ?? 'filters, ...' },
          { name: 'alpha', shape: alpha.shape },
        ];
        const remedy = 'binarizedGradient must have the shape of weight, and alpha one number per filter.';
        throw new ShapeError('weightGradient', 'the operands do not fit', operands, remedy);
      }
      return [gradient];
    },
    reference([{ values: gradient }, { values: w }, { values: alpha }], [{ values: dw }]) {
      const n = w.length / alpha.length;
      for (let filter = 0; filter < alpha.length; filter++) {
        const first = filter * n;
        let alignment = 0;
        for (let i = first; i < first + n; i++) alignment += w[i] < 0 ? -gradient[i] : gradient[i];
        for (let i = first; i < first + n; i++) {
          const throughSign = Math.abs(w[i]) <= 1 ? alpha[filter] * gradient[i] : 0;
          // Unlike sign(w), the derivative of |w| is 0 at 0.
          const slope = Number(w[i] > 0) - Number(w[i] < 0);
          dw[i] = throughAlpha(alignment, gradient[i], slope, n) + throughSign;
        }
      }
    },
    fast([gradient, weight, alpha], [dw]) {
      const n = weight.size / alpha.size;
      const args = { gradient, weight, alpha, dw, n };
      weightGradientKernel(mode).run(args, alpha.size, { grain: filterGrain(alpha.size, 3 * n) });
    },
    webgpu: ([gradient, weight, alpha], [dw]) => weightGradientOnGpu(mode, gradient, weight, alpha, dw),
  });
}

const weightGradientOps = {
  full: defineWeightGradient('full', (alignment, _, slope, n) => (slope * alignment) / n),
  'xnor-net': defineWeightGradient('xnor-net', (_, gradient, _slope, n) => gradient / n),
  detached: defineWeightGradient('detached', () => 0),
};
