import { ShapeError } from '../../errors.js';
import type { Shape } from '../../shape.js';
import { type Padding, type Pair, pair, type Slide, slidingWindow, type Window } from '../window.js';

export interface PoolOptions {
  /** How many elements a window covers. */
  window: Pair;
  /** How far it moves. Default: its own size, so that windows tile the image. */
  stride?: Pair;
  /** Less than the window, so that every window has real elements. Default `'valid'`. */
  padding?: Padding;
}

/** Checks the images, and works out how the window slides. */
export function poolWindow(op: string, x: Shape, { window, stride = window, padding = 'valid' }: PoolOptions): Window {
  const operands = [{ name: 'x', shape: x, note: 'batch, height, width, channels' }];
  if (x.length !== 4) throw new ShapeError(op, 'x must have 4 axes', operands);
  const sliding = slidingWindow(op, x, pair(window), { stride, padding });
  for (const { taps, before } of [sliding.height, sliding.width]) {
    if (before >= taps) {
      throw new ShapeError(
        op,
        `with padding ${before}, a window of ${taps} can miss the image altogether`,
        operands,
        'Padding must be smaller than the window.',
      );
    }
  }
  return sliding;
}

export function poolOutputShape([batch, , , channels]: Shape, { height, width }: Window): Shape {
  return [batch, height.output, width.output, channels];
}

/**
 * Visits the windows in order. `visit` hears where the window's channels start in the output, how many image rows lie
 * in earlier images of the batch, and which rows and columns of its image the window covers, without padding.
 */
export function forEachWindow(
  [batch, height, , channels]: Shape,
  window: Window,
  visit: (yAt: number, image: number, top: number, bottom: number, left: number, right: number) => void,
): void {
  let yAt = 0;
  for (let n = 0; n < batch; n++) {
    for (let i = 0; i < window.height.output; i++) {
      const [top, bottom] = covered(window.height, i);
      for (let j = 0; j < window.width.output; j++, yAt += channels) {
        const [left, right] = covered(window.width, j);
        visit(yAt, n * height, top, bottom, left, right);
      }
    }
  }
}

function covered({ input, taps, stride, before }: Slide, output: number): [from: number, to: number] {
  const from = output * stride - before;
  return [Math.max(0, from), Math.min(input, from + taps)];
}
