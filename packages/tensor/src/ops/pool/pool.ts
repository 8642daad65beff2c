import { checkChoice, checkOptions } from '../../check.js';
import { ShapeError } from '../../errors.js';
import type { Shape } from '../../shape.js';
import { type Padding, type Pair, type Slide, slidingWindow, type Window } from '../window.js';

/** Options of `avgPool2d`, `maxPool2d` and `minPool2d`. */
export interface PoolOptions {
  /** Size of a window, in elements. */
  window: Pair;
  /** Distance between neighboring windows. Default: the size of the window, so that windows tile the image. */
  stride?: Pair;
  /** Must be smaller than the window, so that every window contains real elements. Default `'valid'`. */
  padding?: Padding;
  /**
   * Whether a last window along each axis may extend past the padded image, as in PyTorch, so that no element is left
   * out: sizes are rounded up, not down. A window that would begin in the padding at the end is dropped. Elements beyond
   * the image never count. Default false. Padding `'same'` always rounds up.
   */
  ceilMode?: boolean;
}

/**
 * Checks the images, and works out how the window slides.
 *
 * @throws ShapeError unless x has 4 axes and the window fits.
 */
export function poolWindow(op: string, x: Shape, options: PoolOptions): Window {
  checkOptions(op, options, ['window', 'stride', 'padding', 'ceilMode']);
  const { window, stride = window, padding = 'valid', ceilMode = false } = options;
  checkChoice(`${op}: ceilMode`, ceilMode, [true, false]);
  const operands = [{ name: 'x', shape: x, note: 'batch, height, width, channels' }];
  if (x.length !== 4) {
    throw new ShapeError(op, 'x must have 4 axes', operands, 'Reshape it to [batch, height, width, channels].');
  }
  const sliding = slidingWindow(op, x, window, { stride, padding, ceilMode });
  for (const { taps, before } of [sliding.height, sliding.width]) {
    if (before >= taps) {
      throw new ShapeError(
        op,
        `with padding ${before}, a window of ${taps} can lie outside the image`,
        operands,
        'Padding must be smaller than the window.',
      );
    }
  }
  return sliding;
}

/** The output shape of a pooling: [batch, outHeight, outWidth, channels]. */
export function poolOutputShape([batch, , , channels]: Shape, { height, width }: Window): Shape {
  return [batch, height.output, width.output, channels];
}

/**
 * Visits the windows in output order. `visit` gets the index of the window's first channel in the output, and the rows
 * [top, bottom) and columns [left, right) that the window covers without padding. Rows are numbered through the batch.
 */
export function forEachWindow(
  [batch, height, , channels]: Shape,
  window: Window,
  visit: (yAt: number, top: number, bottom: number, left: number, right: number) => void,
): void {
  let yAt = 0;
  for (let n = 0; n < batch; n++) {
    for (let i = 0; i < window.height.output; i++) {
      const [top, bottom] = covered(window.height, i);
      for (let j = 0; j < window.width.output; j++, yAt += channels) {
        const [left, right] = covered(window.width, j);
        visit(yAt, n * height + top, n * height + bottom, left, right);
      }
    }
  }
}

/** The elements [from, to) of the axis that window number `output` covers. */
function covered({ input, taps, stride, before }: Slide, output: number): [from: number, to: number] {
  const from = output * stride - before;
  return [Math.max(0, from), Math.min(input, from + taps)];
}
