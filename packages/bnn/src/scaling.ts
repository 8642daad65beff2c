import { apply, applyInto, type BitTensor, defineOp, packBits, type Tensor } from '@mobinet/tensor';
import type { ScalingGradient } from './gradient-kinds.js';
import { scaleGrain, scaleKernel, weightGradientKernel } from './scaling.wasm.js';
import { scalesOnGpu, weightGradientOnGpu } from './scaling.wgsl.js';

/** The best approximation of W by one scale and signs, filter by filter. */
export interface BinarizedWeights {
  /** B* = sign(W), of W's shape. */
  readonly signs: BitTensor;
  /** α* = ‖W‖₁ / n, shape [filters]. */
  readonly scale: Tensor;
}

/**
 * Solves min ‖W − αB‖² over α and B ∈ {±1}ⁿ for each filter of n weights (eq. 3):
 *
 * 1. ‖W − αB‖² = ‖W‖² − 2α·(W·B) + α²n, since every B_i² is 1.
 * 2. For any α > 0 that is least where W·B is largest: where B = sign(W), and W·B = ‖W‖₁.
 * 3. The derivative by α, −2‖W‖₁ + 2αn, is 0 at α = ‖W‖₁/n: the mean of |W|.
 *
 * @param weight [filters, ...]
 */
export function binarizeWeights(weight: Tensor): BinarizedWeights {
  return { signs: packBits(weight), scale: apply(scaleOp, [weight], undefined)[0] };
}

const scaleOp = defineOp<[Tensor], [Tensor]>({
  name: 'binaryScale',
  outputs: ([weight]) => [{ dtype: 'f32', shape: [weight.shape[0]] }],
  reference([{ values: w }], [{ values: scale }]) {
    const n = w.length / scale.length;
    for (let filter = 0; filter < scale.length; filter++) {
      let sum = 0;
      for (let i = filter * n; i < (filter + 1) * n; i++) sum += Math.abs(w[i]);
      scale[filter] = sum / n;
    }
  },
  fast([weight], [scale]) {
    const n = weight.size / scale.size;
    scaleKernel.run({ weight, scale, n }, scale.size, { grain: scaleGrain(scale.size, n) });
  },
  webgpu: ([weight], [scale]) => scalesOnGpu(weight, scale),
});

/**
 * ∂L/∂W from ∂L/∂Ŵ, where Ŵ = α·sign(W), α = mean|W| over the n weights of a filter, and sign' is the clipping
 * estimator 1_{|W| ≤ 1}:
 *
 *     ∂L/∂W_i = Σ_j ∂L/∂Ŵ_j · ∂Ŵ_j/∂W_i                                              (eq. 4)
 *     ∂Ŵ_j/∂W_i = sign(W_i)·sign(W_j)/n + α·δ_ij·1_{|W_i| ≤ 1}                       (eq. 5, the product rule)
 *
 * so ∂L/∂W_i = sign(W_i)/n · Σ_j (∂L/∂Ŵ_j)·sign(W_j) + α·1_{|W_i| ≤ 1}·∂L/∂Ŵ_i. The first term is how α moves with W_i
 * (not at all where W_i is 0: there |W_i| has the derivative 0, as in `abs`); `'xnor-net'` keeps only j = i of its sum, and
 * `'detached'` drops it.
 */
export function weightGradient(
  binarizedGradient: Tensor,
  weight: Tensor,
  scale: Tensor,
  scalingGradient: ScalingGradient,
): Tensor {
  return apply(weightGradientOps[scalingGradient], [binarizedGradient, weight, scale], undefined)[0];
}

/** The same, written over `binarizedGradient`, which is returned: memory for the gradient of all weights need not be twice there. */
export function weightGradientInPlace(
  binarizedGradient: Tensor,
  weight: Tensor,
  scale: Tensor,
  scalingGradient: ScalingGradient,
): Tensor {
  applyInto(weightGradientOps[scalingGradient], [binarizedGradient, weight, scale], [binarizedGradient], undefined);
  return binarizedGradient;
}

/** The rule of one mode, given what becomes of the first term: `throughScale(Σ_j g_j·sign(W_j), g_i, ∂|W_i|/∂W_i, n)`. */
function defineWeightGradient(
  mode: ScalingGradient,
  throughScale: (alignment: number, gradient: number, slope: number, n: number) => number,
) {
  return defineOp<[Tensor, Tensor, Tensor], [Tensor]>({
    name: `binaryWeightGradient (${mode})`,
    outputs: ([gradient]) => [gradient],
    reference([{ values: gradient }, { values: w }, { values: scale }], [{ values: dw }]) {
      const n = w.length / scale.length;
      for (let filter = 0; filter < scale.length; filter++) {
        const first = filter * n;
        let alignment = 0;
        for (let i = first; i < first + n; i++) alignment += w[i] < 0 ? -gradient[i] : gradient[i];
        for (let i = first; i < first + n; i++) {
          const throughSign = Math.abs(w[i]) <= 1 ? scale[filter] * gradient[i] : 0;
          // The derivative of |w|, which is 0 at 0, unlike the sign.
          const slope = Number(w[i] > 0) - Number(w[i] < 0);
          dw[i] = throughScale(alignment, gradient[i], slope, n) + throughSign;
        }
      }
    },
    fast([gradient, weight, scale], [dw]) {
      const n = weight.size / scale.size;
      const args = { gradient, weight, scale, dw, n };
      weightGradientKernel(mode).run(args, scale.size, { grain: scaleGrain(scale.size, 3 * n) });
    },
    webgpu: ([gradient, weight, scale], [dw]) => weightGradientOnGpu(mode, gradient, weight, scale, dw),
  });
}

const weightGradientOps = {
  full: defineWeightGradient('full', (alignment, _, slope, n) => (slope * alignment) / n),
  'xnor-net': defineWeightGradient('xnor-net', (_, gradient, _slope, n) => gradient / n),
  detached: defineWeightGradient('detached', () => 0),
};
