import { wholeNumbers } from '@mobinet/tensor/functions';
import { imageOptions, type OptionSchema, type OptionsOf } from '../options.js';

/** The options of MoBiNet, including those of all networks of images. */
export const mobinetOptions = {
  ...imageOptions,
  /** Position of the extra point-wise convolution in a unit (paper, section 3.1). Default `'mid'`. */
  block: {
    help: 'position of the extra point-wise convolution in a unit',
    default: 'mid',
    choices: ['none', 'pre', 'mid', 'post'],
  },
  /** K-dependency: depth-wise groups have 2^K channels, a divisor of the channels of each such layer. Default 3. */
  k: { help: 'K-dependency: groups of 2^K channels', default: 3, range: wholeNumbers(0, 64) },
  /**
   * Numbers that are added to the input of a binary convolution before its signs are taken, sign(x + b): none, or one
   * for each channel, which is learned (RSign of ReActNet, which writes its threshold as α = −b). A float twin takes no
   * signs, so it has none. Default `'none'`.
   */
  shift: {
    help: 'numbers added to the inputs of signs, as in ReActNet',
    default: 'none',
    choices: ['none', 'learned'],
  },
  /**
   * Activation after a binary convolution. `'rprelu'` is ReActNet's PReLU(x − γ) + ζ, with a learned γ for each channel.
   * A batch normalization follows, which removes constants and adds its β, so β takes the place of ζ. The stem always
   * has a PReLU. Default `'prelu'`.
   */
  activation: { help: 'activation after a binary convolution', default: 'prelu', choices: ['prelu', 'relu', 'rprelu'] },
  /**
   * Which segments have a skip connection:
   *
   * - `'all'`: all of them; where channels grow m-fold, the input is repeated m times along the channels
   * - `'same-shape'`: those with as many output as input channels
   * - `'figure'`: our reading of the paper's Fig. 2: the depth-wise segment and one point-wise segment of each unit
   * - `'none'`: none, the baseline that does not converge (paper, Fig. 4)
   *
   * Default `'all'`.
   */
  skip: {
    help: 'which segments have a skip connection',
    default: 'all',
    choices: ['all', 'same-shape', 'figure', 'none'],
  },
  /** The pool that halves height and width. Default `'average'`. */
  pool: { help: 'pool that halves height and width', default: 'average', choices: ['average', 'max', 'min'] },
  /** Factor on all channel counts except those of images and classes. Default 1. */
  width: { help: 'factor on all channel counts', default: 1, range: { above: 0, to: 64 } },
  /** Stride of the first convolution. 1 suits small images. Default 2. */
  stemStride: { help: 'stride of the first convolution', default: 2, choices: [1, 2] },
  /** Padding of binary convolutions: with +1, or with 0, which contributes nothing to a count. Default `'one'`. */
  padding: { help: 'padding of binary convolutions: +1 or 0', default: 'one', choices: ['one', 'zero'] },
  /** Straight-through estimator of the activations (eq. 2). Default `'approx'`. */
  estimator: {
    help: 'straight-through estimator of the activations',
    default: 'approx',
    choices: ['approx', 'clip', 'identity'],
  },
  /** How scaling factors enter the gradient of the weights (eq. 5). Default `'full'`. */
  scalingGradient: {
    help: 'how scaling factors enter the gradient',
    default: 'full',
    choices: ['full', 'xnor-net', 'detached'],
  },
  /**
   * Initial γ of the batch norms in the units. With skip connections around all segments, 1 makes the variance grow by
   * 1 with each of them, until most inputs of the signs lie outside of [−1, 1], where the estimators have no slope.
   * Small values learn several times faster (docs/small-data.md). PyTorch's batch norms start with 1. Default 0.2.
   */
  gamma: { help: 'initial gamma of the batch norms in the units', default: 0.2, range: { from: 0, to: 1 } },
  /**
   * What the units compute on. All three have the same tensors, except for the shifts, which float twins do not have, so
   * one can start from the weights of another.
   *
   * - `'binary'`: signs of weights and activations
   * - `'binary-activations'`: signs of activations, and float weights: the first stage of training in two stages
   *   (Martinez et al., 2020)
   * - `'float'`: floats, as in a MobileNet. This float twin shows what accuracy the bits cost
   *
   * Default `'binary'`.
   */
  precision: {
    help: 'precision of the units; float is for comparison, binary-activations to start from (--init)',
    default: 'binary',
    choices: ['binary', 'binary-activations', 'float'],
  },
} as const satisfies OptionSchema;

/**
 * The options of a MoBiNet. `mobinetOptions` in the source describes each of them; `createMoBiNet` lists their defaults.
 */
export type MoBiNetOptions = OptionsOf<typeof mobinetOptions>;

/** Where a unit has its extra point-wise convolution. */
export type Block = MoBiNetOptions['block'];

/** Which segments have a skip connection. */
export type Skip = MoBiNetOptions['skip'];
