import { ShapeError } from '../../errors.js';
import type { AnyTensor } from '../../op-definition.js';
import { type Shape, sizeOf } from '../../shape.js';
import { slidingWindow, type Window, type WindowOptions } from '../window.js';

/** Options of a 2-D convolution. */
export interface Conv2dOptions extends WindowOptions {
  /** Number of groups that the channels are split into. Each filter sees the channels of its own group. Default 1. */
  groups?: number;
}

/**
 * The names of `Conv2dOptions`.
 *
 * @example
 * ```ts
 * import { conv2dOptions } from '@mobinet/tensor/kernels';
 *
 * console.log(`${conv2dOptions}`);
 * // → stride,padding,dilation,groups
 * ```
 */
export const conv2dOptions = ['stride', 'padding', 'dilation', 'groups'] as const;

/** The checked options of a convolution of given shapes. */
export interface Conv2dAttributes {
  /** How the window slides. */
  readonly window: Window;
  /** The number of groups that the channels are split into. */
  readonly groups: number;
}

/**
 * Checks that images and filter fit together, and works out the window. Also used by `bitConv2d`.
 *
 * @throws ShapeError if they do not, or the window does not fit into the images.
 */
export function conv2dAttributes(
  op: string,
  x: Shape,
  filter: Shape,
  options: Conv2dOptions,
  filterLabel?: string,
): Conv2dAttributes {
  const operands = [
    { name: 'x', shape: x, note: 'batch, height, width, channels' },
    { name: 'filter', shape: filter, note: filterLabel ?? 'outChannels, height, width, channels / groups' },
  ];
  const groups = options.groups ?? 1;
  if (x.length !== 4 || filter.length !== 4) throw new ShapeError(op, 'x and filter must have 4 axes', operands);
  const [outChannels, kernelHeight, kernelWidth, groupChannels] = filter;
  if (!Number.isInteger(groups) || groups < 1 || outChannels % groups !== 0) {
    throw new ShapeError(
      op,
      `${outChannels} filters cannot be split into ${groups} groups`,
      operands,
      'groups must be a whole number of at least 1 that divides the number of filters.',
    );
  }
  if (x[3] !== groupChannels * groups) {
    throw new ShapeError(
      op,
      `x has ${x[3]} channels, filter expects ${groupChannels * groups}`,
      operands,
      `channels of x must equal filter.shape[3] × groups (${groupChannels} × ${groups}).`,
    );
  }
  return { window: slidingWindow(op, x, [kernelHeight, kernelWidth], options), groups };
}

/** The output shape of a convolution: [batch, outHeight, outWidth, outChannels]. */
export function conv2dOutputShape(x: Shape, filter: Shape, { window }: Conv2dAttributes): Shape {
  return [x[0], window.height.output, window.width.output, filter[0]];
}

/**
 * Number of multiply-adds of a convolution with output y, and of each of its gradients. Taps in the padding count, too.
 */
export function convolutionMultiplyAdds(y: AnyTensor, filter: Shape): number {
  return y.size * sizeOf(filter.slice(1));
}
