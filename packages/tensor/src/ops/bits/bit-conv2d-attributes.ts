import type { Shape } from '../../shape.js';
import { type Conv2dAttributes, type Conv2dOptions, conv2dAttributes } from '../conv2d/conv2d-attributes.js';

/** What the border of an image is made of: the sign +1, or nothing at all. */
export type PaddingValue = 'one' | 'zero';

export interface BitConv2dOptions extends Conv2dOptions {
  /**
   * `'one'` (the default) surrounds the image with +1; `'zero'` leaves taps outside the image out of the sum, as
   * padding with 0 does in a convolution of floats. A sign cannot be 0, so `'one'` is what plain bits can do.
   */
  paddingValue?: PaddingValue;
}

export interface BitConv2dAttributes extends Conv2dAttributes {
  readonly paddingValue: PaddingValue;
}

/** Checks that images and filter fit, and works out the window: what the two gradient functions below ask for. */
export function bitConv2dAttributes(
  op: string,
  x: Shape,
  filter: Shape,
  options: BitConv2dOptions,
  filterLabel?: string,
): BitConv2dAttributes {
  return { ...conv2dAttributes(op, x, filter, options, filterLabel), paddingValue: options.paddingValue ?? 'one' };
}
