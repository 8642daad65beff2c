import type { Tensor } from '@mobinet/tensor';
import { todo } from '../lib/todo.js';

/**
 * Exercise 1. How many outputs does a window of `taps` elements have along an axis of `size` elements, with a stride and
 * with padding on both sides? With a dilation d, neighboring taps are d elements apart, so the window is wider.
 */
export function outputSize(
  size: number,
  taps: number,
  { stride, padding, dilation }: { stride: number; padding: number; dilation: number },
): number {
  return todo('the first window takes (taps − 1) · dilation + 1 elements; each stride that fits after it is one more');
}

/**
 * Exercise 2. A filter [1, 3, 3, 1] that moves a picture by one pixel to the right, where padding is `'same'`:
 * y[i, j] = x[i, j − 1].
 */
export function moveRight(): Tensor {
  return todo('nine numbers, eight of which are 0');
}

/**
 * Exercise 3. ∂L/∂x of y = conv2d(x, filter), from dy = ∂L/∂y, for stride 1 and no padding: what is missing is a call of
 * `conv2d` with dy as its image.
 *
 * @param dy [batch, height − kernelHeight + 1, width − kernelWidth + 1, outChannels]
 * @param filter [outChannels, kernelHeight, kernelWidth, channels]
 * @returns [batch, height, width, channels]
 */
export function inputGradient(dy: Tensor, filter: Tensor): Tensor {
  return todo('turn the filter by 180°, let its two axes of channels change places, and pad dy');
}

/**
 * Exercise 4. The filter that does in one convolution what two do one after another:
 * conv2d(x, compose(f, g)) = conv2d(conv2d(x, f), g).
 *
 * @param f [1, 3, 3, 1]
 * @param g [1, 3, 3, 1]
 * @returns [1, 5, 5, 1]
 */
export function compose(f: Tensor, g: Tensor): Tensor {
  return todo('a tap of f below a tap of g reads a pixel whose place is the sum of both');
}
