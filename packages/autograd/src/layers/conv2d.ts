import {
  add,
  type Conv2dOptions,
  checkOptions,
  checkRng,
  conv2d,
  type Pair,
  type Rng,
  type Tensor,
  zeros,
} from '@mobinet/tensor';
import { conv2dOptions } from '@mobinet/tensor/kernels';
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
 * 2-D convolution of images [batch, height, width, inChannels], with weights that start as `kaimingNormal`, and biases
 * at 0.
 */
export class Conv2d extends Module {
  /** [outChannels, height, width, inChannels / groups] */
  readonly weight: Parameter;
  /** [outChannels] */
  readonly bias: Parameter | null;
  readonly #options: Conv2dOptions;

  constructor(inChannels: number, outChannels: number, given: Conv2dLayerOptions) {
    super();
    checkOptions('Conv2d', given, [...conv2dOptions, 'kernel', 'bias', 'rng']);
    const { kernel = 3, bias = true, rng, ...options } = given;
    checkRng('Conv2d', rng);
    const [height, width] = typeof kernel === 'number' ? [kernel, kernel] : kernel;
    const shape = [outChannels, height, width, inChannels / (options.groups ?? 1)];
    this.weight = new Parameter(kaimingNormal(rng.spawn('weight'), shape));
    this.bias = bias ? new Parameter(zeros([outChannels])) : null;
    this.#options = { padding: 'same', ...options };
  }

  override forward(x: Tensor): Tensor {
    const y = conv2d(x, this.weight, this.#options);
    return this.bias ? add(y, this.bias) : y;
  }
}
