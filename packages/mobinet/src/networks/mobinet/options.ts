import { wholeNumbers } from '@mobinet/tensor';
import { imageOptions, type OptionSchema, type OptionsOf } from '../options.js';

export const mobinetOptions = {
  ...imageOptions,
  /** Where the extra point-wise convolution of a unit stands (paper, section 3.1). Default `'mid'`. */
  block: {
    help: 'where the extra point-wise convolution of a unit stands',
    default: 'mid',
    choices: ['none', 'pre', 'mid', 'post'],
  },
  /** K-dependency: depth-wise groups hold 2^K channels. Default 3. Where 2^K does not divide the channels, the plan says which K does. */
  k: { help: 'K-dependency: groups of 2^K channels', default: 3, range: wholeNumbers(0, 64) },
  /** What follows a binary convolution. (The stem has a PReLU in any case.) Default `'prelu'`. */
  activation: { help: 'what follows a binary convolution', default: 'prelu', choices: ['prelu', 'relu'] },
  /**
   * Which segments have a skip connection around them:
   *
   * - `'all'`: every one; where channels grow m-fold, the input is repeated m times along the channels
   * - `'same-shape'`: every one that keeps its channels
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
  /** What halves the images. Default `'average'`. */
  pool: { help: 'what halves the images', default: 'average', choices: ['average', 'max', 'min'] },
  /** Multiplies all channel counts but those of images and classes. Default 1. */
  width: { help: 'multiplies all channel counts', default: 1, range: { above: 0, to: 64 } },
  /** Stride of the first convolution. 1 suits small images. Default 2. */
  stemStride: { help: 'stride of the first convolution', default: 2, choices: [1, 2] },
  /** What surrounds the signs of an image: +1 or nothing. Default `'one'`. */
  padding: {
    help: 'what surrounds the signs of an image: +1, or nothing',
    default: 'one',
    choices: ['one', 'zero'],
  },
  /** Straight-through estimator of the activations (eq. 2). Default `'approx'`. */
  estimator: {
    help: 'straight-through estimator of the activations',
    default: 'approx',
    choices: ['approx', 'clip', 'identity'],
  },
  /** How scaling factors take part in the gradient (eq. 5). Default `'full'`. */
  scalingGradient: {
    help: 'how scaling factors take part in the gradient',
    default: 'full',
    choices: ['full', 'xnor-net', 'detached'],
  },
  /**
   * Whether the units compute on single bits, or on floats as those of a MobileNet do: the float twin, trained to see what the
   * bits cost. Default `'binary'`.
   */
  precision: {
    help: 'what the units compute on: bits, or floats for comparison',
    default: 'binary',
    choices: ['binary', 'float'],
  },
} as const satisfies OptionSchema;

export type MoBiNetOptions = OptionsOf<typeof mobinetOptions>;

export type Block = MoBiNetOptions['block'];
export type Skip = MoBiNetOptions['skip'];
