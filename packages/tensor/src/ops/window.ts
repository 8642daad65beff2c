import { shown } from '../check.js';
import { ShapeError } from '../errors.js';
import type { Shape } from '../shape.js';

/** One number for both image axes, or [height, width]. */
export type Pair = number | readonly [height: number, width: number];

/**
 * `'same'` gives ⌈size / stride⌉ outputs, `'valid'` pads nothing, and a number pads both ends of an axis by that much.
 */
export type Padding = 'same' | 'valid' | Pair;

/** How a window moves over an image. */
export interface WindowOptions {
  /** Distance between neighboring outputs, in input elements. Default 1. */
  stride?: Pair;
  /** Default `'valid'`. */
  padding?: Padding;
  /** Distance between neighboring taps, in input elements. Default 1. */
  dilation?: Pair;
}

/** How a window slides along one axis: tap `k` of output `o` reads input `o·stride + k·dilation − before`. */
export interface Slide {
  readonly input: number;
  readonly output: number;
  readonly taps: number;
  readonly stride: number;
  readonly dilation: number;
  /** Padding before the first element. The padding after the last one follows from `output`. */
  readonly before: number;
}

/** A sliding window over the two image axes, used by convolution and pooling. */
export interface Window {
  /** Along the rows of the image. */
  readonly height: Slide;
  /** Along the columns of the image. */
  readonly width: Slide;
}

/** Expands a `Pair` to [height, width]. */
export function pair(value: Pair): readonly [number, number] {
  return typeof value === 'number' ? [value, value] : value;
}

/** The checked options of a window. Pairs are [height, width]. */
export interface WindowGeometry {
  /** The size of the window, without the gaps of a dilation. */
  readonly taps: readonly [number, number];
  /** Distances between neighboring outputs, in input elements. */
  readonly stride: readonly [number, number];
  /** Distances between neighboring taps, in input elements. */
  readonly dilation: readonly [number, number];
  /** How many elements pad both ends of each axis, if it is not a word. */
  readonly padding: 'same' | 'valid' | readonly [number, number];
}

/**
 * Checks what is known of a window before it meets an image.
 *
 * @param op The op or layer, for the message.
 * @param taps The size of the window, as [height, width] or one number for both.
 * @returns The size and the options, each as [height, width].
 * @throws ShapeError if an option is neither a whole number in its range nor two of them, or an unknown padding.
 *
 * @example
 * ```ts
 * import { checkWindow } from '@mobinet/tensor/kernels';
 *
 * const { taps, stride, padding } = checkWindow('example', 3, { stride: [1, 2], padding: 'same' });
 * console.log(`taps [${taps}], stride [${stride}], padding ${padding}`);
 * // → taps [3,3], stride [1,2], padding same
 * ```
 */
export function checkWindow(op: string, taps: Pair, options: WindowOptions): WindowGeometry {
  const { stride = 1, dilation = 1, padding = 'valid' } = options;
  return {
    taps: checkPair(op, 'taps', taps, 1),
    stride: checkPair(op, 'stride', stride, 1),
    dilation: checkPair(op, 'dilation', dilation, 1),
    padding:
      padding === 'same' || padding === 'valid' ? padding : checkPair(op, 'padding', padding, 0, "'same', 'valid', "),
  };
}

/**
 * Checks an option for both image axes, and expands it to [height, width].
 *
 * @param op The operation, for the message.
 * @param name The option, for the message.
 * @param value What was given.
 * @param least The smallest number that it may be.
 * @param words What else the option may be, for the message.
 * @throws ShapeError unless it is a whole number of at least `least`, or two of them.
 *
 * @example
 * ```ts
 * import { checkPair } from '@mobinet/tensor/kernels';
 *
 * console.log(checkPair('Pool2d', 'stride', 2, 1).join(' × '));
 * // → 2 × 2
 * ```
 */
export function checkPair(op: string, name: string, value: Pair, least: number, words = ''): readonly [number, number] {
  const isNumber = typeof value === 'number';
  if (!isNumber && !(Array.isArray(value) && value.length === 2)) {
    throw new ShapeError(op, `${name} must be ${words}a whole number or [height, width], not ${shown(value)}`);
  }
  const both = pair(value);
  for (const axis of [0, 1]) {
    if (Number.isSafeInteger(both[axis]) && both[axis] >= least) continue;
    const where = axis === 0 ? 'height' : 'width';
    throw new ShapeError(
      op,
      `${name} along the ${where} must be a whole number of at least ${least}, not ${shown(both[axis])}`,
    );
  }
  return both;
}

/**
 * Works out a window of `taps` over images [batch, height, width, channels].
 *
 * @param ceilMode Whether a last window may extend past the padded image. Default false.
 * @throws ShapeError as `checkWindow`, or if the window does not fit into the padded image.
 */
export function slidingWindow(
  op: string,
  image: Shape,
  window: Pair,
  { ceilMode = false, ...options }: WindowOptions & { ceilMode?: boolean },
): Window {
  const { taps, stride, dilation, padding } = checkWindow(op, window, options);
  const along = (axis: 0 | 1): Slide => {
    const geometry = { input: image[axis + 1], taps: taps[axis], stride: stride[axis], dilation: dilation[axis] };
    const pads = typeof padding === 'string' ? padding : padding[axis];
    return slide(op, axis === 0 ? 'height' : 'width', geometry, pads, ceilMode);
  };
  return { height: along(0), width: along(1) };
}

function slide(
  op: string,
  axis: string,
  geometry: Pick<Slide, 'input' | 'taps' | 'stride' | 'dilation'>,
  padding: 'same' | 'valid' | number,
  ceilMode: boolean,
): Slide {
  const { input, taps, stride, dilation } = geometry;
  const extent = (taps - 1) * dilation + 1;
  if (padding === 'same') {
    const output = Math.ceil(input / stride);
    const total = Math.max(0, (output - 1) * stride + extent - input);
    return { ...geometry, output, before: Math.floor(total / 2) };
  }
  const before = padding === 'valid' ? 0 : padding;
  const steps = (input + 2 * before - extent) / stride;
  if (steps < 0 && !(ceilMode && steps > -1)) {
    throw new ShapeError(
      op,
      `a window of ${extent} does not fit into a ${axis} of ${input + 2 * before} (padding included)`,
      [],
      'Use a smaller window, a larger image, or padding.',
    );
  }
  // A window that would begin in the padding at the end is dropped, so every window has real elements.
  const startsInside = Math.ceil(steps) * stride < input + before;
  const output = ceilMode && startsInside ? Math.ceil(steps) + 1 : Math.floor(steps) + 1;
  return { ...geometry, output, before };
}

/**
 * Whether a window is a single tap that visits every pixel in turn, so that outputs and pixels correspond one to one.
 */
export function isPointwise({ height, width }: Window): boolean {
  return [height, width].every((slide) => slide.taps === 1 && slide.stride === 1 && slide.output === slide.input);
}
