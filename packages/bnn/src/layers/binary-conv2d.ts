import { Module, Parameter } from '@mobinet/autograd';
import { checkOptions, checkRng, type Pair, type Rng, type Tensor } from '@mobinet/tensor/functions';
import { checkPaddingValue, filterShape } from '@mobinet/tensor/kernels';
import { type BinaryConv2dOptions, binaryConv2d, binaryConv2dOptions } from '../binary-conv2d.js';
import { checkEstimator, checkScalingGradient } from '../gradient-kinds.js';
import { latentNormal } from '../initializer.js';

/** Options of the layer `BinaryConv2d`. */
export interface BinaryConv2dLayerOptions extends BinaryConv2dOptions {
  /** [height, width], or one number for both. Default 3. */
  kernel?: Pair;
  /** The source of the initial latent weights (`latentNormal`). */
  rng: Rng;
}

/**
 * `binaryConv2d` as a layer that holds its latent weights: from [batch, height, width, inChannels] to [batch,
 * outHeight, outWidth, outChannels]. The padding defaults to `'same'`; there is no bias.
 *
 * @example
 * ```ts
 * import { BinaryConv2d } from '@mobinet/bnn';
 * import { Rng } from '@mobinet/tensor';
 *
 * const rng = Rng.fromSeed(0);
 * const layer = new BinaryConv2d(32, 64, { stride: 2, rng });
 * const y = layer.forward(rng.normal([1, 8, 8, 32]));
 * console.log(`weight [${layer.weight.shape}], binary: ${layer.weight.binary}, output [${y.shape}]`);
 * // → weight [64,3,3,32], binary: true, output [1,4,4,64]
 * ```
 */
export class BinaryConv2d extends Module {
  /** Latent weights [outChannels, height, width, inChannels / groups]. */
  readonly weight: Parameter;
  /** The options of the convolution, without `kernel` and `rng`. */
  readonly options: BinaryConv2dOptions;

  /**
   * @param inChannels The number of channels of the input.
   * @param outChannels The number of filters, which is the number of channels of the output.
   * @throws RangeError if a number of channels or groups is not a whole number above 0, or for an unknown option or
   *   choice; ShapeError if the groups do not divide both numbers of channels, or for a wrong kernel, stride, dilation or
   *   padding; TypeError without an `rng`.
   */
  constructor(inChannels: number, outChannels: number, given: BinaryConv2dLayerOptions) {
    super();
    checkOptions('BinaryConv2d', given, [...binaryConv2dOptions, 'kernel', 'rng']);
    const { kernel = 3, rng, ...options } = given;
    checkRng('BinaryConv2d', rng);
    const { estimator, scalingGradient, paddingValue, ...convolution } = options;
    const shape = filterShape('BinaryConv2d', [inChannels, outChannels], kernel, convolution);
    if (paddingValue !== undefined) checkPaddingValue('BinaryConv2d', paddingValue);
    if (estimator !== undefined) checkEstimator('BinaryConv2d', estimator);
    if (scalingGradient !== undefined) checkScalingGradient('BinaryConv2d', scalingGradient);
    this.weight = new Parameter(latentNormal(rng.spawn('weight'), shape), { binary: true });
    this.options = { padding: 'same', ...options };
  }

  override forward(x: Tensor): Tensor {
    return binaryConv2d(x, this.weight, this.options);
  }
}
