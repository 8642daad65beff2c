import {
  add,
  type ConvTranspose2dOptions,
  checkChoice,
  checkOptions,
  checkRng,
  convTranspose2d,
  type Pair,
  type Rng,
  type Tensor,
  tidy,
  zeros,
} from '@mobinet/tensor/functions';
import { checkPair, filterShape } from '@mobinet/tensor/kernels';
import { kaimingNormal } from '../initializers.js';
import { Module } from '../module.js';
import { Parameter } from '../parameter.js';

/** Options of `ConvTranspose2d`. Nothing is padded by default, as in PyTorch. */
export interface ConvTranspose2dLayerOptions extends ConvTranspose2dOptions {
  /** [height, width], or one number for both. Default 3. */
  kernel?: Pair;
  /** Whether a learned bias is added to each channel. Default true. */
  bias?: boolean;
  /** The source of the initial weights. */
  rng: Rng;
}

/**
 * A transposed convolution with learned filters, which makes images larger: `convTranspose2d`. With a kernel of 2 and a
 * stride of 2, each pixel becomes four.
 *
 * @example
 * ```ts
 * import { ConvTranspose2d } from '@mobinet/autograd';
 * import { ones, Rng } from '@mobinet/tensor';
 *
 * const layer = new ConvTranspose2d(16, 8, { kernel: 2, stride: 2, rng: Rng.fromSeed(0) });
 * console.log(`${layer.forward(ones([1, 7, 7, 16])).shape}`);
 * // → 1,14,14,8
 * ```
 */
export class ConvTranspose2d extends Module {
  /** [inChannels, height, width, outChannels / groups] */
  readonly weight: Parameter;
  /** [outChannels]; null without a bias. */
  readonly bias: Parameter | null;
  readonly #options: ConvTranspose2dOptions;

  /**
   * @param inChannels The number of channels of the input.
   * @param outChannels The number of channels of the output.
   * @throws RangeError if a number of channels or groups is not a whole number above 0, or for an unknown option;
   *   ShapeError if the groups do not divide both numbers of channels, or for a wrong kernel, stride, dilation or
   *   padding; TypeError without an `rng`.
   */
  constructor(inChannels: number, outChannels: number, given: ConvTranspose2dLayerOptions) {
    super();
    const names = ['stride', 'padding', 'outputPadding', 'dilation', 'groups', 'kernel', 'bias', 'rng'] as const;
    checkOptions('ConvTranspose2d', given, names);
    const { kernel = 3, bias = true, rng, ...options } = given;
    checkChoice('ConvTranspose2d: bias', bias, [true, false]);
    checkRng('ConvTranspose2d', rng);
    const { outputPadding, ...window } = options;
    // Its filters are those of a convolution from the result to the input.
    const shape = filterShape('ConvTranspose2d', [outChannels, inChannels], kernel, window);
    checkPair('ConvTranspose2d', 'outputPadding', outputPadding ?? 0, 0);
    this.weight = new Parameter(kaimingNormal(rng.spawn('weight'), shape));
    this.bias = bias ? new Parameter(zeros([outChannels])) : null;
    this.#options = options;
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => {
      const y = convTranspose2d(x, this.weight, this.#options);
      return this.bias ? add(y, this.bias) : y;
    });
  }
}
