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

/**
 * Works out a window of `taps` = [height, width] over images [batch, height, width, channels].
 *
 * @throws ShapeError if an option is not a whole number in its range, or the window does not fit into the padded image.
 */
export function slidingWindow(
  op: string,
  image: Shape,
  taps: readonly [number, number],
  options: WindowOptions,
): Window {
  const stride = pair(options.stride ?? 1);
  const dilation = pair(options.dilation ?? 1);
  const padding = options.padding ?? 'valid';
  const along = (axis: 0 | 1): Slide => {
    const name = axis === 0 ? 'height' : 'width';
    const geometry = { input: image[axis + 1], taps: taps[axis], stride: stride[axis], dilation: dilation[axis] };
    for (const key of ['taps', 'stride', 'dilation'] as const) {
      if (!Number.isInteger(geometry[key]) || geometry[key] < 1) {
        throw new ShapeError(op, `${key} along the ${name} must be a whole number of at least 1, not ${geometry[key]}`);
      }
    }
    return slide(op, name, geometry, padding === 'same' || padding === 'valid' ? padding : pair(padding)[axis]);
  };
  return { height: along(0), width: along(1) };
}

function slide(
  op: string,
  axis: string,
  geometry: Pick<Slide, 'input' | 'taps' | 'stride' | 'dilation'>,
  padding: 'same' | 'valid' | number,
): Slide {
  const { input, taps, stride, dilation } = geometry;
  const extent = (taps - 1) * dilation + 1;
  if (padding === 'same') {
    const output = Math.ceil(input / stride);
    const total = Math.max(0, (output - 1) * stride + extent - input);
    return { ...geometry, output, before: Math.floor(total / 2) };
  }
  const before = padding === 'valid' ? 0 : padding;
  if (!Number.isInteger(before) || before < 0) {
    throw new ShapeError(op, `padding along the ${axis} must be a whole number of at least 0, not ${before}`);
  }
  const output = Math.floor((input + 2 * before - extent) / stride) + 1;
  if (output < 1) {
    throw new ShapeError(
      op,
      `a window of ${extent} does not fit into a ${axis} of ${input + 2 * before} (padding included)`,
      [],
      'Use a smaller window, a larger image, or padding.',
    );
  }
  return { ...geometry, output, before };
}

/**
 * Whether a window is a single tap that visits every pixel in turn, so that outputs and pixels correspond one to one.
 */
export function isPointwise({ height, width }: Window): boolean {
  return [height, width].every((slide) => slide.taps === 1 && slide.stride === 1 && slide.output === slide.input);
}
