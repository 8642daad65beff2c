import { ShapeError } from '../../errors.js';
import type { AnyTensor } from '../../op-definition.js';
import { type Shape, sizeOf } from '../../shape.js';
import { slidingWindow, type Window, type WindowOptions } from '../window.js';

export interface Conv2dOptions extends WindowOptions {
  /** Channels are split into this many groups; each filter sees the channels of its own group. Default 1. */
  groups?: number;
}

export interface Conv2dAttributes {
  readonly window: Window;
  readonly groups: number;
}

/** Checks that images and filter fit, and works out the window. Shared with the convolution of bits. */
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
    throw new ShapeError(op, `${outChannels} filters do not split into ${groups} groups`, operands);
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

/** The shape of the images that a convolution makes. */
export function conv2dOutputShape(x: Shape, filter: Shape, { window }: Conv2dAttributes): Shape {
  return [x[0], window.height.output, window.width.output, filter[0]];
}

/** Multiply-adds of a convolution with output y, and of each of its gradients; taps in the padding are counted, too. */
export function convolutionMultiplyAdds(y: AnyTensor, filter: Shape): number {
  return y.size * sizeOf(filter.slice(1));
}
