// What is trained is evaluated, too: on a GPU, by these kernels.
import './webgpu.js';
import { customGradient } from '@mobinet/autograd';
import {
  bitConv2d,
  bitConv2dAttributes,
  bitConv2dFilterGradient,
  dispose,
  keep,
  packBits,
  recordCall,
  sizeOf,
  type Tensor,
} from '@mobinet/tensor';
import { aliasOf } from '@mobinet/tensor/kernels';
import type { BinaryConv2dOptions } from './binary-conv2d.js';
import { type ChannelParameters, type CountNormResult, countNorm, countNormGradient } from './count-norm.js';
import { countDType } from './counts.js';
import { estimatorMemory } from './estimator.js';
import { binaryInputGradient } from './input-gradient.js';
import { binarizeWeights, weightGradientInPlace } from './scaling.js';

export interface BinarySegmentOptions extends BinaryConv2dOptions {
  /** How often the input is repeated along the channels to be added to the output; 0 for no skip. Default 0. */
  skipRepeats?: number;
  epsilon?: number;
}

/**
 * A whole segment in training, as one differentiable function:
 *
 *     y = BatchNorm(PReLU(α · (sign(x) ∗ sign(W)))) + skip(x)
 *
 * It equals `binaryConv2d`, `prelu`, `batchNorm` and `add` one after the other, but keeps the convolution's counts, of one or two
 * bytes each, and none of the floats between, and reads and writes memory a third as often.
 *
 * @param x [batch, height, width, channels]
 * @param weight Latent weights [outChannels, kernelHeight, kernelWidth, channels / groups].
 * @param parameters [outChannels] each.
 * @returns The output, and the statistics of the activations for running averages; no gradient flows through these.
 */
export function binarySegment(
  x: Tensor,
  weight: Tensor,
  parameters: Omit<ChannelParameters, 'scale'>,
  options: BinarySegmentOptions = {},
): CountNormResult {
  const { estimator = 'approx', scalingGradient = 'full', skipRepeats = 0, epsilon = 1e-5, ...convolution } = options;
  const attributes = bitConv2dAttributes('binarySegment', x.shape, weight.shape, convolution, weight.label);
  const tail = { signs: sizeOf(weight.shape.slice(1)), epsilon, skipRepeats };
  let statistics: Pick<CountNormResult, 'mean' | 'variance'> | undefined;

  const segment = customGradient(
    'binarySegment',
    (x: Tensor, weight: Tensor, slope: Tensor, gamma: Tensor, beta: Tensor) => {
      const xSigns = packBits(x);
      const { signs, scale } = binarizeWeights(weight);
      const counts = bitConv2d(xSigns, signs, { ...convolution, dtype: countDType(tail.signs, convolution) });
      const skip = skipRepeats > 0 ? x : null;
      const { output, mean, variance } = countNorm(counts, { scale, slope, gamma, beta }, skip, tail);
      // Only the output of a forward pass outlives it, unless something is kept.
      statistics = keep({ mean: aliasOf(mean), variance: aliasOf(variance) });
      return {
        output,
        saved: [xSigns, signs, scale, weight, counts, slope, gamma, mean, variance, ...estimatorMemory(x, estimator)],
        gradient(dy, [xSigns, signs, scale, weight, counts, slope, gamma, mean, variance, ...memory]) {
          let tailGradients: ReturnType<typeof countNormGradient> | undefined;
          const ofTail = () => {
            tailGradients ??= countNormGradient(dy, counts, { scale, slope, gamma }, { mean, variance }, tail);
            return tailGradients;
          };
          const around = skipRepeats > 0 ? { gradient: dy, repeats: skipRepeats } : null;
          return [
            () => binaryInputGradient(ofTail().dz, signs, scale, memory, x.shape, attributes, around),
            () => {
              const gradient = bitConv2dFilterGradient(ofTail().dz, xSigns, weight.shape, attributes);
              return weightGradientInPlace(gradient, weight, scale, scalingGradient);
            },
            () => ofTail().dslope,
            () => ofTail().dgamma,
            () => ofTail().dbeta,
          ];
        },
        onceDifferentiable: true,
      };
    },
  );
  const output = segment(x, weight, parameters.slope, parameters.gamma, parameters.beta);
  const { mean, variance } = statistics!;
  const result = { output, mean: aliasOf(mean), variance: aliasOf(variance) };
  dispose(statistics);
  // No rule tells how they depend on these: to differentiate by way of them is an error.
  const inputs = [x, weight, parameters.slope, parameters.gamma, parameters.beta];
  for (const statistic of [result.mean, result.variance]) {
    recordCall({ name: 'the statistics of binarySegment', inputs, output: statistic, saved: [], gradient: null });
  }
  return result;
}
