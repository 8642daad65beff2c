import { checkOptions, checkTensor } from '../../check.js';
import { ShapeError } from '../../errors.js';
import { apply } from '../../op.js';
import { tidy } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { reshape } from '../shape/reshape.js';
import { conv2dOp } from './conv2d.js';
import { type Conv2dOptions, conv2dAttributes, conv2dOptions } from './conv2d-attributes.js';

/** Options of `conv1d`. */
export interface Conv1dOptions {
  /** Distance between neighboring outputs, in input elements. Default 1. */
  stride?: number;
  /**
   * `'same'` gives ⌈length / stride⌉ outputs, `'valid'`, the default, pads nothing, and a number pads both ends with as
   * many zeros. (PyTorch's `'same'` allows no stride.)
   */
  padding?: 'same' | 'valid' | number;
  /** Distance between neighboring taps, in input elements. Default 1. */
  dilation?: number;
  /** Number of groups that the channels are split into. Each filter sees the channels of its own group. Default 1. */
  groups?: number;
}

/**
 * 1-D convolution: `conv2d` of images that are one pixel high.
 *
 *     y[n, i, o] = Σ_{k, c}  x[n, i·stride + k·dilation − padding, group(o)·C + c] · filter[o, k, c]
 *
 * @param x Sequences [batch, length, channels]. (PyTorch: [batch, channels, length].)
 * @param filter [outChannels, taps, channels / groups]. (PyTorch: [outChannels, channels / groups, taps].)
 * @returns [batch, outLength, outChannels].
 * @throws ShapeError if x or the filter does not have 3 axes, if the channels or groups do not match, or if the window
 *   does not fit.
 *
 * @example
 * ```ts
 * import { conv1d, tensor } from '@mobinet/tensor';
 *
 * const signal = tensor([0, 0, 1, 1, 0], { shape: [1, 5, 1] });
 * const difference = tensor([-1, 1], { shape: [1, 2, 1] });
 * console.log(`${conv1d(signal, difference).values}`);
 * // → 0,1,0,-1
 * ```
 */
export function conv1d(x: Tensor, filter: Tensor, options: Conv1dOptions = {}): Tensor {
  checkTensor('conv1d', x, 'x', ['f32']);
  checkTensor('conv1d', filter, 'filter', ['f32']);
  checkOptions('conv1d', options, conv2dOptions);
  if (x.rank !== 3 || filter.rank !== 3) {
    throw new ShapeError('conv1d', 'x and filter must have 3 axes', [
      { name: 'x', shape: x.shape, note: 'batch, length, channels' },
      { name: 'filter', shape: filter.shape, note: filter.label ?? 'outChannels, taps, channels / groups' },
    ]);
  }
  const { stride = 1, padding = 'valid', dilation = 1, groups = 1 } = options;
  const [batch, length, channels] = x.shape;
  const [outChannels, taps, groupChannels] = filter.shape;
  const [images, filters] = [
    [batch, 1, length, channels],
    [outChannels, 1, taps, groupChannels],
  ];
  const asImages: Conv2dOptions = {
    stride: [1, stride],
    padding: typeof padding === 'string' ? padding : [0, padding],
    dilation: [1, dilation],
    groups,
  };
  const attributes = conv2dAttributes('conv1d', images, filters, asImages, filter.label);
  return tidy(() => {
    const [y] = apply(conv2dOp, [reshape(x, images), reshape(filter, filters)], attributes);
    return reshape(y, [batch, attributes.window.width.output, outChannels]);
  });
}
