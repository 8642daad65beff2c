import { ShapeError } from '../errors.js';
import type { Shape } from '../shape.js';

/** A number for both axes, or [height, width]. */
export type Pair = number | readonly [height: number, width: number];

/** `'same'` keeps ⌈size / stride⌉; `'valid'` pads nothing; numbers pad both sides of an axis. */
export type Padding = 'same' | 'valid' | Pair;

export interface WindowOptions {
  stride?: Pair;
  padding?: Padding;
  dilation?: Pair;
}

/** How a window slides along one axis: tap `k` of output `o` reads input `o·stride + k·dilation − before`. */
export interface Slide {
  readonly input: number;
  readonly output: number;
  readonly taps: number;
  readonly stride: number;
  readonly dilation: number;
  /** Padding before the first element. What lies after the last follows from `output`. */
  readonly before: number;
}

/** A sliding window over the two image axes, for convolution and pooling alike. */
export interface Window {
  readonly height: Slide;
  readonly width: Slide;
}

export function pair(value: Pair): readonly [number, number] {
  return typeof value === 'number' ? [value, value] : value;
}

/** Works out a window over images [batch, height, width, channels] with `taps` = [height, width]. */
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
        throw new ShapeError(op, `${key} ${geometry[key]} along the ${name} is not a whole number of at least 1`);
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
  if (!Number.isInteger(before) || before < 0)
    throw new ShapeError(op, `padding ${before} is not a whole number of at least 0`);
  const output = Math.floor((input + 2 * before - extent) / stride) + 1;
  if (output < 1) {
    throw new ShapeError(
      op,
      `a window of ${extent} does not fit into the ${axis} of ${input + 2 * before} (padding included)`,
      [],
      'Use a smaller window, a larger image, or padding.',
    );
  }
  return { ...geometry, output, before };
}

/** Whether a window is a single tap that visits every pixel in turn. */
export function isPointwise({ height, width }: Window): boolean {
  return [height, width].every((slide) => slide.taps === 1 && slide.stride === 1 && slide.output === slide.input);
}
