import { checkNumber, wholeNumbers } from '../../check.js';
import { checkShape } from '../../check-shape.js';
import { ShapeError } from '../../errors.js';
import type { Shape } from '../../shape.js';
import { checkWindow, type Pair } from '../window.js';
import type { Conv2dOptions } from './conv2d-attributes.js';

/**
 * Checks the sizes and options of a convolution layer when it is made, rather than when it first meets an image.
 *
 * @param layer The layer, for the message.
 * @param channels The numbers of channels of the images and of the result.
 * @param kernel [height, width] of a filter, or one number for both.
 * @param options The other options of the convolution.
 * @returns The shape of its filters, [outChannels, height, width, inChannels / groups].
 * @throws RangeError if a number of channels or groups is not a whole number above 0; ShapeError if the groups do not
 *   divide both numbers of channels, or for a kernel, a stride, a dilation or a padding that no image would fit.
 *
 * @example
 * ```ts
 * import { filterShape } from '@mobinet/tensor/kernels';
 *
 * console.log(`${filterShape('example', [8, 16], 3, { groups: 2 })}`);
 * // → 16,3,3,4
 * ```
 */
export function filterShape(
  layer: string,
  [inChannels, outChannels]: readonly [inChannels: number, outChannels: number],
  kernel: Pair,
  { groups = 1, ...window }: Conv2dOptions,
): Shape {
  checkNumber(`${layer}: inChannels`, inChannels, wholeNumbers(1));
  checkNumber(`${layer}: outChannels`, outChannels, wholeNumbers(1));
  checkNumber(`${layer}: groups`, groups, wholeNumbers(1));
  if (inChannels % groups !== 0 || outChannels % groups !== 0) {
    throw new ShapeError(layer, `${groups} groups do not divide ${inChannels} and ${outChannels} channels`);
  }
  const { taps } = checkWindow(layer, kernel, window);
  return checkShape(layer, [outChannels, ...taps, inChannels / groups]);
}
