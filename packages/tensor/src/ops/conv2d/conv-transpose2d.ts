import { checkOptions, checkTensor } from '../../check.js';
import { ShapeError } from '../../errors.js';
import type { Shape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { checkPair, checkWindow, type Pair, type Slide } from '../window.js';
import type { Conv2dAttributes } from './conv2d-attributes.js';
import { conv2dInputGradient } from './conv2d-gradients.js';

/** Options of `convTranspose2d`. */
export interface ConvTranspose2dOptions {
  /** Distance between the outputs of neighboring inputs. Default 1. */
  stride?: Pair;
  /** By how much each side of the result is cropped: the padding of the convolution that this transposes. Default 0. */
  padding?: Pair;
  /**
   * By how many rows and columns the result grows at the bottom and at the right, since a convolution of stride s maps s
   * sizes of images to one. Must be smaller than the stride or the dilation. Default 0.
   */
  outputPadding?: Pair;
  /** Distance between neighboring taps. Default 1. */
  dilation?: Pair;
  /** Number of groups that the channels are split into. Default 1. */
  groups?: number;
}

/**
 * Transposed 2-D convolution: the gradient of `conv2d` with respect to its images, as in PyTorch. Each pixel adds the
 * filter, times its value, to the result.
 *
 *     y[n, i·stride + ki·dilation − padding, …, group(c)·O + o] += x[n, i, j, c] · filter[c, ki, kj, o],   from y = 0
 *
 * Along each axis, the result has (size − 1)·stride − 2·padding + (taps − 1)·dilation + outputPadding + 1 elements.
 *
 * @param x Images [batch, height, width, channels].
 * @param filter [channels, kernelHeight, kernelWidth, outChannels / groups]: the filter of the `conv2d` from the result
 *   to x. PyTorch's weight [channels, outChannels / groups, kernelHeight, kernelWidth] is this one, transposed by
 *   [0, 2, 3, 1].
 * @returns [batch, outHeight, outWidth, outChannels].
 * @throws ShapeError if the channels or groups do not match, an option is out of range, or nothing is left of the
 *   result.
 *
 * @example
 * ```ts
 * import { convTranspose2d, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([1, 10], { shape: [1, 1, 2, 1] });
 * const filter = tensor([1, 2, 3], { shape: [1, 1, 3, 1] });
 * console.log(`${convTranspose2d(x, filter, { stride: 2 }).values}`); // 1, 2, 3 and 10, 20, 30 overlap
 * // → 1,2,13,20,30
 * ```
 */
export function convTranspose2d(x: Tensor, filter: Tensor, options: ConvTranspose2dOptions = {}): Tensor {
  checkTensor('convTranspose2d', x, 'x', ['f32']);
  checkTensor('convTranspose2d', filter, 'filter', ['f32']);
  checkOptions('convTranspose2d', options, ['stride', 'padding', 'outputPadding', 'dilation', 'groups']);
  const { xShape, ...attributes } = transposedAttributes(x.shape, filter.shape, options, filter.label);
  return conv2dInputGradient(x, filter, xShape, attributes);
}

/** The convolution whose output is x, and the shape of its input. */
function transposedAttributes(
  x: Shape,
  filter: Shape,
  { groups = 1, padding = 0, outputPadding = 0, ...options }: ConvTranspose2dOptions,
  filterLabel?: string,
): Conv2dAttributes & { xShape: Shape } {
  const op = 'convTranspose2d';
  const operands = [
    { name: 'x', shape: x, note: 'batch, height, width, channels' },
    { name: 'filter', shape: filter, note: filterLabel ?? 'channels, height, width, outChannels / groups' },
  ];
  if (x.length !== 4 || filter.length !== 4) throw new ShapeError(op, 'x and filter must have 4 axes', operands);
  if (x[3] !== filter[0]) {
    throw new ShapeError(
      op,
      `x has ${x[3]} channels, filter expects ${filter[0]}`,
      operands,
      'The first axis of filter must be as long as the last of x.',
    );
  }
  if (!Number.isInteger(groups) || groups < 1 || x[3] % groups !== 0) {
    throw new ShapeError(
      op,
      `${x[3]} channels cannot be split into ${groups} groups`,
      operands,
      'groups must be a whole number of at least 1 that divides the number of channels.',
    );
  }
  const { taps, stride, dilation } = checkWindow(op, [filter[1], filter[2]], options);
  const [before, added] = [checkPair(op, 'padding', padding, 0), checkPair(op, 'outputPadding', outputPadding, 0)];
  const along = (axis: 0 | 1): Slide => {
    if (added[axis] >= Math.max(stride[axis], dilation[axis])) {
      throw new ShapeError(op, `outputPadding ${added[axis]} is not smaller than the stride or the dilation`, operands);
    }
    const extent = (taps[axis] - 1) * dilation[axis] + 1;
    const input = (x[axis + 1] - 1) * stride[axis] + extent - 2 * before[axis] + added[axis];
    if (input < 1) {
      throw new ShapeError(
        op,
        `the ${axis === 0 ? 'height' : 'width'} of the result would be ${input}`,
        operands,
        'Use a larger image or filter, or less padding.',
      );
    }
    return {
      input,
      output: x[axis + 1],
      taps: taps[axis],
      stride: stride[axis],
      dilation: dilation[axis],
      before: before[axis],
    };
  };
  const window = { height: along(0), width: along(1) };
  return { window, groups, xShape: [x[0], window.height.input, window.width.input, filter[3] * groups] };
}
