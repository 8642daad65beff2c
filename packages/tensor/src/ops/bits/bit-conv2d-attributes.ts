import { checkChoice } from '../../check.js';
import type { Shape } from '../../shape.js';
import {
  type Conv2dAttributes,
  type Conv2dOptions,
  conv2dAttributes,
  conv2dOptions,
} from '../conv2d/conv2d-attributes.js';

/** The value that pads an image of signs: the sign +1, or 0, which adds nothing. */
export type PaddingValue = (typeof paddingValues)[number];

const paddingValues = ['one', 'zero'] as const;

/** Options of `bitConv2d`. */
export interface BitConv2dOptions extends Conv2dOptions {
  /**
   * `'one'` (the default) pads the image with +1. `'zero'` leaves taps outside the image out of the sum, which is what
   * padding with 0 does in a convolution of floats. A bit cannot represent 0, so `'one'` is the cheaper choice.
   */
  paddingValue?: PaddingValue;
}

/**
 * The names of `BitConv2dOptions`.
 *
 * @example
 * ```ts
 * import { bitConv2dOptions } from '@mobinet/tensor/kernels';
 *
 * console.log(`${bitConv2dOptions}`);
 * // → stride,padding,dilation,groups,paddingValue
 * ```
 */
export const bitConv2dOptions = [...conv2dOptions, 'paddingValue'] as const;

/** The checked options of a `bitConv2d` of given shapes, as its gradients take them. */
export interface BitConv2dAttributes extends Conv2dAttributes {
  /** What pads the images. */
  readonly paddingValue: PaddingValue;
}

/**
 * Checks that images and filter fit together, and works out the window, for `bitConv2d` and its gradients.
 *
 * @param op The operation, for the message.
 * @param x The shape of the images, [batch, height, width, channels].
 * @param filter The shape of the filter, [outChannels, kernelHeight, kernelWidth, channels / groups].
 * @param filterLabel The name of the filter, for the message.
 * @throws ShapeError if they do not, or the window does not fit into the images.
 * @throws RangeError for an unknown `paddingValue`.
 *
 * @example
 * ```ts
 * import { bitConv2dAttributes } from '@mobinet/tensor';
 *
 * const { window } = bitConv2dAttributes('example', [1, 32, 32, 8], [16, 3, 3, 8], { stride: 2, padding: 1 });
 * console.log(`${window.height.output} × ${window.width.output} outputs`);
 * // → 16 × 16 outputs
 * ```
 */
export function bitConv2dAttributes(
  op: string,
  x: Shape,
  filter: Shape,
  options: BitConv2dOptions,
  filterLabel?: string,
): BitConv2dAttributes {
  const paddingValue = checkPaddingValue(op, options.paddingValue ?? 'one');
  return { ...conv2dAttributes(op, x, filter, options, filterLabel), paddingValue };
}

/**
 * Checks what pads an image of signs.
 *
 * @param op The function or class, for the message.
 * @param value What was given.
 * @returns The value.
 * @throws RangeError if it is neither `'one'` nor `'zero'`.
 *
 * @example
 * ```ts
 * import { checkPaddingValue } from '@mobinet/tensor/kernels';
 *
 * console.log(checkPaddingValue('example', 'one'));
 * // → one
 * ```
 */
export function checkPaddingValue(op: string, value: unknown): PaddingValue {
  return checkChoice(`${op}: paddingValue`, value, paddingValues);
}
