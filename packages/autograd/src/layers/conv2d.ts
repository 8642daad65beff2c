import {
  add,
  type Conv2dOptions,
  checkChoice,
  checkOptions,
  checkRng,
  conv2d,
  type Pair,
  type Rng,
  type Tensor,
  tidy,
  zeros,
} from '@mobinet/tensor/functions';
import { conv2dOptions, filterShape } from '@mobinet/tensor/kernels';
import { kaimingNormal } from '../initializers.js';
import { Module } from '../module.js';
import { Parameter } from '../parameter.js';

/** Options of `Conv2d`. Padding is `'same'` by default. */
export interface Conv2dLayerOptions extends Conv2dOptions {
  /** [height, width], or one number for both. Default 3. */
  kernel?: Pair;
  /** Whether a learned bias is added to each channel. Default true. */
  bias?: boolean;
  /** The source of the initial weights. */
  rng: Rng;
}

/**
 * 2-D convolution of images [batch, height, width, inChannels] to [batch, outHeight, outWidth, outChannels], with
 * weights that start as `kaimingNormal`, and biases at 0. With the default padding `'same'`, outHeight is ⌈height /
 * stride⌉, and so is outWidth.
 *
 * @example
 * ```ts
 * import { Conv2d } from '@mobinet/autograd';
 * import { Rng, zeros } from '@mobinet/tensor';
 *
 * const layer = new Conv2d(3, 16, { stride: 2, rng: Rng.fromSeed(0) });
 * console.log(`weight [${layer.weight.shape}], output [${layer.forward(zeros([1, 32, 32, 3])).shape}]`);
 * // → weight [16,3,3,3], output [1,16,16,16]
 * ```
 */
export class Conv2d extends Module {
  /** [outChannels, height, width, inChannels / groups] */
  readonly weight: Parameter;
  /** [outChannels]; null without a bias. */
  readonly bias: Parameter | null;
  readonly #options: Conv2dOptions;

  /**
   * @param inChannels The number of channels of the input.
   * @param outChannels The number of filters, which is the number of channels of the output.
   * @throws RangeError if a number of channels or groups is not a whole number above 0, or for an unknown option;
   *   ShapeError if the groups do not divide both numbers of channels, or for a wrong kernel, stride, dilation or
   *   padding; TypeError without an `rng`.
   */
  constructor(inChannels: number, outChannels: number, given: Conv2dLayerOptions) {
    super();
    checkOptions('Conv2d', given, [...conv2dOptions, 'kernel', 'bias', 'rng']);
    const { kernel = 3, bias = true, rng, ...options } = given;
    checkChoice('Conv2d: bias', bias, [true, false]);
    checkRng('Conv2d', rng);
    const shape = filterShape('Conv2d', [inChannels, outChannels], kernel, options);
    this.weight = new Parameter(kaimingNormal(rng.spawn('weight'), shape));
    this.bias = bias ? new Parameter(zeros([outChannels])) : null;
    this.#options = { padding: 'same', ...options };
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => {
      const y = conv2d(x, this.weight, this.#options);
      return this.bias ? add(y, this.bias) : y;
    });
  }
}
