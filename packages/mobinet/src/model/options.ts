import type { PoolKind } from '@mobinet/autograd';
import type { Estimator, ScalingGradient } from '@mobinet/bnn';
import {
  checkChoice,
  checkNumbers,
  checkRecord,
  type NumberRange,
  type PaddingValue,
  wholeNumbers,
} from '@mobinet/tensor';
import { largestSide } from '../data/source.js';

/** Where the extra point-wise convolution of a unit stands (paper, section 3.1). */
export type Block = 'none' | 'pre' | 'mid' | 'post';

/**
 * Which segments have a skip connection around them:
 *
 * - `'all'`: every one; where channels grow m-fold, the input is repeated m times along the channels
 * - `'same-shape'`: every one that keeps its channels
 * - `'figure'`: our reading of the paper's Fig. 2: the depth-wise segment and one point-wise segment of each unit
 * - `'none'`: none, the baseline that does not converge (paper, Fig. 4)
 */
export type Skip = 'all' | 'same-shape' | 'figure' | 'none';

export interface MoBiNetOptions {
  /** Default `'mid'`. */
  block: Block;
  /** K-dependency: depth-wise groups hold 2^K channels. Default 3. */
  k: number;
  /** What follows a binary convolution. (The stem has a PReLU in any case.) Default `'prelu'`. */
  activation: 'prelu' | 'relu';
  /** Default `'all'`. */
  skip: Skip;
  /** What halves the images. Default `'average'`. */
  pool: PoolKind;
  /** Multiplies all channel counts but those of images and classes. Default 1. */
  width: number;
  /** Default 1000. */
  classes: number;
  /** Height and width of the input, in pixels. Default 224. */
  imageSize: number;
  /** Stride of the first convolution. 1 suits small images. Default 2. */
  stemStride: 1 | 2;
  /** What surrounds the signs of an image: +1 or nothing. Default `'one'`. */
  padding: PaddingValue;
  /** Straight-through estimator of the activations (eq. 2). Default `'approx'`. */
  estimator: Estimator;
  /** How scaling factors take part in the gradient (eq. 5). Default `'full'`. */
  scalingGradient: ScalingGradient;
  /**
   * Whether the units compute on single bits, or on floats as those of a MobileNet do: the float twin, trained to see what the
   * bits cost. It cannot be packed. Default `'binary'`.
   */
  precision: 'binary' | 'float';
  /** Seed of the initial weights. Default 0. */
  seed: number;
}

export const defaultOptions: MoBiNetOptions = {
  block: 'mid',
  k: 3,
  activation: 'prelu',
  skip: 'all',
  pool: 'average',
  width: 1,
  classes: 1000,
  imageSize: 224,
  stemStride: 2,
  padding: 'one',
  estimator: 'approx',
  scalingGradient: 'full',
  precision: 'binary',
  seed: 0,
};

/** The values of each option that is a choice; command lines and files are checked against them. */
export const choices = {
  block: ['none', 'pre', 'mid', 'post'],
  activation: ['prelu', 'relu'],
  skip: ['all', 'same-shape', 'figure', 'none'],
  pool: ['average', 'max', 'min'],
  stemStride: [1, 2],
  padding: ['one', 'zero'],
  estimator: ['approx', 'clip', 'identity'],
  scalingGradient: ['full', 'xnor-net', 'detached'],
  precision: ['binary', 'float'],
} as const satisfies { [K in keyof MoBiNetOptions]?: readonly MoBiNetOptions[K][] };

/** The ranges of the options that are numbers; command lines and files are checked against them. */
export const optionRanges = {
  // Where 2^K does not divide the channels, the plan says which K does.
  k: wholeNumbers(0, 64),
  width: { above: 0, to: 64 },
  classes: wholeNumbers(1, 1_000_000),
  imageSize: wholeNumbers(1, largestSide),
  seed: { isWhole: true },
} as const satisfies { [K in keyof MoBiNetOptions]?: NumberRange };

/** Fills in defaults and checks every option. Throws `RangeError`, one line that names the option. */
export function resolveOptions(options: Partial<MoBiNetOptions> = {}): MoBiNetOptions {
  checkRecord('the options of a MoBiNet', options);
  const unknown = Object.keys(options).find((key) => !Object.hasOwn(defaultOptions, key));
  if (unknown) throw new RangeError(`MoBiNet has no option '${unknown}'`);
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const resolved: MoBiNetOptions = { ...defaultOptions, ...Object.fromEntries(given) };

  for (const [key, allowed] of Object.entries(choices) as [keyof typeof choices, readonly unknown[]][]) {
    checkChoice(key, resolved[key], allowed);
  }
  checkNumbers('', resolved, optionRanges);
  return resolved;
}
