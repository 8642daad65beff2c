// What is trained is evaluated, too: on a GPU, by these kernels.
import './webgpu.js';
import { customGradient } from '@mobinet/autograd';
import {
  type BitConv2dOptions,
  bitConv2d,
  bitConv2dAttributes,
  bitConv2dFilterGradient,
  packBits,
  type Tensor,
} from '@mobinet/tensor';
import { estimatorMemory } from './estimator.js';
import type { Estimator, ScalingGradient } from './gradient-kinds.js';
import { binaryInputGradient } from './input-gradient.js';
import { scaleCounts } from './scale-counts.js';
import { binarizeWeights, weightGradientInPlace } from './scaling.js';

export interface BinaryConv2dOptions extends BitConv2dOptions {
  /** The straight-through estimator of the activations. Default `'approx'`. */
  estimator?: Estimator;
  /** How α takes part in the gradient of the weights. Default `'full'`. */
  scalingGradient?: ScalingGradient;
}

/**
 * A convolution whose inputs and weights are single bits, with real-valued latent weights behind them:
 *
 *     y = α · (sign(x) ∗ sign(W)),   α = mean|W| of each filter
 *
 * Forward it runs on packed bits (xor and popcount). For the backward pass it saves the signs of x as bits and what the
 * estimator needs, never the float activations behind them (except for `'approx'`, whose slope depends on x).
 *
 * @param x [batch, height, width, channels]
 * @param weight Latent weights [outChannels, kernelHeight, kernelWidth, channels / groups].
 * @returns f32 [batch, outHeight, outWidth, outChannels]
 */
export function binaryConv2d(x: Tensor, weight: Tensor, options: BinaryConv2dOptions = {}): Tensor {
  const { estimator = 'approx', scalingGradient = 'full', ...convolution } = options;
  const attributes = bitConv2dAttributes('binaryConv2d', x.shape, weight.shape, convolution, weight.label);

  const convolve = customGradient('binaryConv2d', (x: Tensor, weight: Tensor) => {
    const xSigns = packBits(x);
    const { signs, scale } = binarizeWeights(weight);
    return {
      output: scaleCounts(bitConv2d(xSigns, signs, convolution), scale),
      saved: [xSigns, signs, scale, weight, ...estimatorMemory(x, estimator)],
      gradient: (dy, [xSigns, signs, scale, weight, ...memory]) => [
        // sign(x) meets α·sign(W); then the estimator says how much of that x feels.
        () => binaryInputGradient(dy, signs, scale, memory, x.shape, attributes),
        // ∂L/∂Ŵ, the gradient with respect to α·sign(W); then eqs. (4)–(5) lead to W.
        () => {
          const gradient = bitConv2dFilterGradient(dy, xSigns, weight.shape, attributes);
          return weightGradientInPlace(gradient, weight, scale, scalingGradient);
        },
      ],
      onceDifferentiable: true,
    };
  });
  return convolve(x, weight);
}
