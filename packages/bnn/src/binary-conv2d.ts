// Networks that are trained are also evaluated, which on a GPU needs these kernels.
import './webgpu.js';
import { customGradient } from '@mobinet/autograd';
import {
  type BitConv2dOptions,
  bitConv2d,
  bitConv2dAttributes,
  bitConv2dFilterGradient,
  checkOptions,
  checkTensor,
  packBits,
  type Tensor,
} from '@mobinet/tensor/functions';
import { bitConv2dOptions } from '@mobinet/tensor/kernels';
import { estimatorMemory } from './estimator.js';
import { checkEstimator, checkScalingGradient, type Estimator, type ScalingGradient } from './gradient-kinds.js';
import { binaryInputGradient } from './input-gradient.js';
import { scaleCounts } from './scale-counts.js';
import { binarizeWeights, weightGradientInPlace } from './scaling.js';

/** Options of `binaryConv2d`. */
export interface BinaryConv2dOptions extends BitConv2dOptions {
  /** The straight-through estimator of the activations. Default `'approx'`. */
  estimator?: Estimator;
  /** How the gradient of the weights treats α. Default `'full'`. */
  scalingGradient?: ScalingGradient;
}

/** The names of `BinaryConv2dOptions`. */
export const binaryConv2dOptions = [...bitConv2dOptions, 'estimator', 'scalingGradient'] as const;

/**
 * A convolution of the signs of x with the signs of real-valued latent weights, one bit each (eqs. 1 and 3):
 *
 *     y = α · (sign(x) ∗ sign(W)),   α = mean|W| of each filter
 *
 * The forward pass runs on packed bits (xor and popcount). For the backward pass it saves the signs of x as bits and
 * what the estimator needs: the float activations only for `'approx'`, whose slope depends on x.
 *
 * @param x [batch, height, width, channels]
 * @param weight Latent weights [outChannels, kernelHeight, kernelWidth, channels / groups].
 * @param options Those of `bitConv2d` (stride, padding, paddingValue, groups), the estimator of the activations, and
 *   how the gradient treats α.
 * @returns f32 [batch, outHeight, outWidth, outChannels]
 * @throws ShapeError if the operands do not fit; RangeError for an unknown option or choice. A second derivative is a
 *   GradientError.
 * @example
 * ```ts
 * import { binaryConv2d } from '@mobinet/bnn';
 * import { tensor } from '@mobinet/tensor';
 *
 * // One pixel of four channels, and one 1×1 filter. Three of four signs agree, so the count is 3 − 1 = 2.
 * const x = tensor([1, -2, 3, -4], { shape: [1, 1, 1, 4] });
 * const weight = tensor([0.5, -0.5, -1, -2], { shape: [1, 1, 1, 4] }); // α = 1
 * console.log(binaryConv2d(x, weight).values[0]);
 * // → 2
 * ```
 */
export function binaryConv2d(x: Tensor, weight: Tensor, options: BinaryConv2dOptions = {}): Tensor {
  checkOptions('binaryConv2d', options, binaryConv2dOptions);
  const { estimator = 'approx', scalingGradient = 'full', ...convolution } = options;
  checkEstimator('binaryConv2d', estimator);
  checkScalingGradient('binaryConv2d', scalingGradient);
  checkTensor('binaryConv2d', x, 'x', ['f32']);
  checkTensor('binaryConv2d', weight, 'weight', ['f32']);
  const attributes = bitConv2dAttributes('binaryConv2d', x.shape, weight.shape, convolution, weight.label);

  const convolve = customGradient('binaryConv2d', (x: Tensor, weight: Tensor) => {
    const xSigns = packBits(x);
    const { signs, alpha } = binarizeWeights(weight);
    return {
      output: scaleCounts(bitConv2d(xSigns, signs, convolution), alpha),
      saved: [xSigns, signs, alpha, weight, ...estimatorMemory(x, estimator)],
      gradient: (dy, [xSigns, signs, alpha, weight, ...memory]) => [
        // The gradient with respect to sign(x), times the estimator of sign'(x).
        () => binaryInputGradient({ dy, signs, alpha, memory, xShape: x.shape, attributes }),
        // ∂L/∂Ŵ, the gradient with respect to Ŵ = α·sign(W), and from it ∂L/∂W by eqs. (4)–(5).
        () => {
          const gradient = bitConv2dFilterGradient(dy, xSigns, weight.shape, attributes);
          return weightGradientInPlace(gradient, weight, alpha, scalingGradient);
        },
      ],
      onceDifferentiable: true,
    };
  });
  return convolve(x, weight);
}
