// Networks that are trained are also evaluated, which on a GPU needs these kernels.
import './webgpu.js';
import { customGradient } from '@mobinet/autograd';
import {
  bitConv2d,
  bitConv2dAttributes,
  bitConv2dFilterGradient,
  checkNumber,
  checkOptions,
  checkRecord,
  checkTensor,
  dispose,
  keep,
  packBits,
  recordCall,
  ShapeError,
  sameShape,
  sizeOf,
  type Tensor,
  wholeNumbers,
} from '@mobinet/tensor/functions';
import { aliasOf, type Window } from '@mobinet/tensor/kernels';
import { type BinaryConv2dOptions, binaryConv2dOptions } from './binary-conv2d.js';
import { countDType } from './counts.js';
import { estimatorMemory } from './estimator.js';
import { checkEstimator, checkScalingGradient } from './gradient-kinds.js';
import { binaryInputGradient } from './input-gradient.js';
import {
  type ChannelParameters,
  type ScalePreluBatchNormResult,
  scalePreluBatchNorm,
  scalePreluBatchNormGradient,
} from './scale-prelu-batch-norm.js';
import { binarizeWeights, weightGradientInPlace } from './scaling.js';

/** Options of `binarySegment`. */
export interface BinarySegmentOptions extends BinaryConv2dOptions {
  /** How often the input is repeated along the channels when it is added to the output; 0 for no skip. Default 0. */
  skipRepeats?: number;
  /** ε of the batch normalization. Default 1e-5. */
  epsilon?: number;
}

/**
 * A whole segment in training, as one differentiable function:
 *
 *     y = BatchNorm(PReLU(α · (sign(x) ∗ sign(W)))) + skip(x)
 *
 * It equals `binaryConv2d`, `prelu`, `batchNorm` and `add` in sequence, but saves only the convolution's counts, of one
 * or two bytes each, instead of the floats in between, and has a third of the memory traffic.
 *
 * @param x [batch, height, width, channels]
 * @param weight Latent weights [outChannels, kernelHeight, kernelWidth, channels / groups].
 * @param parameters The slopes of the PReLU, and γ and β of the batch normalization, [outChannels] each.
 * @returns The output [batch, outHeight, outWidth, outChannels], and the statistics of the activations for running
 *   averages, through which no gradient flows.
 * @throws ShapeError if the operands do not fit; RangeError for an unknown option or choice, or a number out of range.
 * @example
 * ```ts
 * import { binaryConv2d, binarySegment } from '@mobinet/bnn';
 * import { abs, batchNorm, full, max, ones, prelu, Rng, sub, zeros } from '@mobinet/tensor';
 *
 * const rng = Rng.fromSeed(0);
 * const [x, weight] = [rng.normal([1, 4, 4, 8]), rng.normal([16, 1, 1, 8])];
 * const [slope, gamma, beta] = [full([16], 0.25), ones([16]), zeros([16])];
 *
 * const { output } = binarySegment(x, weight, { slope, gamma, beta });
 * const inSteps = batchNorm(prelu(binaryConv2d(x, weight), slope), gamma, beta).output;
 * console.log(`[${output.shape}], equal: ${max(abs(sub(output, inSteps))).values[0] < 1e-5}`);
 * // → [1,4,4,16], equal: true
 * ```
 */
export function binarySegment(
  x: Tensor,
  weight: Tensor,
  parameters: Omit<ChannelParameters, 'alpha'>,
  options: BinarySegmentOptions = {},
): ScalePreluBatchNormResult {
  checkOptions('binarySegment', options, [...binaryConv2dOptions, 'skipRepeats', 'epsilon']);
  const { estimator = 'approx', scalingGradient = 'full', skipRepeats = 0, epsilon = 1e-5, ...convolution } = options;
  checkEstimator('binarySegment', estimator);
  checkScalingGradient('binarySegment', scalingGradient);
  checkNumber('binarySegment: skipRepeats', skipRepeats, wholeNumbers(0));
  checkNumber('binarySegment: epsilon', epsilon, { from: 0 });
  checkRecord('binarySegment: parameters', parameters);
  const { slope, gamma, beta } = parameters;
  for (const [name, operand] of Object.entries({ x, weight, slope, gamma, beta })) {
    checkTensor('binarySegment', operand, name, ['f32']);
  }
  const attributes = bitConv2dAttributes('binarySegment', x.shape, weight.shape, convolution, weight.label);
  checkTail(x, weight, { slope, gamma, beta }, attributes.window, skipRepeats);
  const tail = { signs: sizeOf(weight.shape.slice(1)), epsilon, skipRepeats };
  let statistics: Pick<ScalePreluBatchNormResult, 'mean' | 'variance'> | undefined;

  const segment = customGradient(
    'binarySegment',
    (x: Tensor, weight: Tensor, slope: Tensor, gamma: Tensor, beta: Tensor) => {
      const xSigns = packBits(x);
      const { signs, alpha } = binarizeWeights(weight);
      const counts = bitConv2d(xSigns, signs, { ...convolution, dtype: countDType(tail.signs, convolution) });
      const skip = skipRepeats > 0 ? x : null;
      const { output, mean, variance } = scalePreluBatchNorm(counts, { alpha, slope, gamma, beta }, skip, tail);
      // The tensors of a forward pass are freed at its end, except for its output and what is kept.
      statistics = keep({ mean: aliasOf(mean), variance: aliasOf(variance) });
      return {
        output,
        saved: [xSigns, signs, alpha, weight, counts, slope, gamma, mean, variance, ...estimatorMemory(x, estimator)],
        gradient(dy, [xSigns, signs, alpha, weight, counts, slope, gamma, mean, variance, ...memory]) {
          let tailGradients: ReturnType<typeof scalePreluBatchNormGradient> | undefined;
          const gradientsOfTail = () => {
            tailGradients ??= scalePreluBatchNormGradient(
              dy,
              counts,
              { alpha, slope, gamma },
              { mean, variance },
              tail,
            );
            return tailGradients;
          };
          const skip = skipRepeats > 0 ? { gradient: dy, repeats: skipRepeats } : null;
          return [
            () => {
              const { dz } = gradientsOfTail();
              return binaryInputGradient({ dy: dz, signs, alpha, memory, xShape: x.shape, attributes, skip });
            },
            () => {
              const gradient = bitConv2dFilterGradient(gradientsOfTail().dz, xSigns, weight.shape, attributes);
              return weightGradientInPlace(gradient, weight, alpha, scalingGradient);
            },
            () => gradientsOfTail().dslope,
            () => gradientsOfTail().dgamma,
            () => gradientsOfTail().dbeta,
          ];
        },
        onceDifferentiable: true,
      };
    },
  );
  const output = segment(x, weight, slope, gamma, beta);
  const { mean, variance } = statistics!;
  const result = { output, mean: aliasOf(mean), variance: aliasOf(variance) };
  dispose(statistics);
  // The statistics depend on these inputs, but have no gradient rule: differentiating through them is an error.
  const inputs = [x, weight, slope, gamma, beta];
  for (const statistic of [result.mean, result.variance]) {
    recordCall({ name: 'the statistics of binarySegment', inputs, output: statistic, saved: [], gradient: null });
  }
  return result;
}

/** Throws unless the vectors have an element for each filter, and the skip has the shape of the output. */
function checkTail(
  x: Tensor,
  weight: Tensor,
  vectors: Readonly<Record<string, Tensor>>,
  { height, width }: Window,
  skipRepeats: number,
): void {
  const [outChannels] = weight.shape;
  for (const [name, { shape, label }] of Object.entries(vectors)) {
    if (sameShape(shape, [outChannels])) continue;
    throw new ShapeError('binarySegment', `${name} must have an element for each of the ${outChannels} filters`, [
      { name: 'weight', shape: weight.shape, note: weight.label ?? 'outChannels, …' },
      { name, shape, note: label },
    ]);
  }
  const [batch, , , channels] = x.shape;
  const output = [batch, height.output, width.output, outChannels];
  if (skipRepeats === 0 || sameShape(output, [...x.shape.slice(0, 3), channels * skipRepeats])) return;
  throw new ShapeError('binarySegment', 'the skip does not fit the output', [
    { name: 'x', shape: x.shape, note: `its channels, ${skipRepeats} times` },
    { name: 'output', shape: output },
  ]);
}
