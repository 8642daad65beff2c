import { checkNumber, type NumberRange, type Rng, shown } from '@mobinet/tensor/functions';
import type { Image } from './source.js';

/** The ends of an interval, both inclusive. */
export type Interval = readonly [low: number, high: number];

/** Which rectangles of an image to draw. */
export interface RectangleOptions {
  /** The share of the image's area, drawn uniformly from this interval. */
  readonly scale: Interval;
  /** Width divided by height, drawn from this interval so that its logarithm is uniform: ½ is as likely as 2. */
  readonly ratio: Interval;
}

/** The ranges of the numbers in `RectangleOptions`. */
export const rectangleRanges = {
  scale: { above: 0, to: 1 },
  ratio: { from: 0.01, to: 100 },
} as const satisfies Record<keyof RectangleOptions, NumberRange>;

/**
 * Checks that a value is an interval of numbers in the range.
 * @throws RangeError, one line that names the number.
 */
export function checkInterval(name: string, value: unknown, range: NumberRange): asserts value is Interval {
  if (!Array.isArray(value) || value.length !== 2) {
    throw new RangeError(`${name} must be two numbers, the lowest and the highest, not ${shown(value)}`);
  }
  value.forEach((number, i) => {
    checkNumber(`${name}[${i}]`, number, range);
  });
  if (value[0] > value[1]) throw new RangeError(`${name} must be in ascending order, not ${shown(value)}`);
}

/** A part of an image, in pixels. */
export interface Rectangle {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/**
 * Draws a rectangle at a random place inside an image, as torchvision's `RandomResizedCrop` and `RandomErasing` do. Its
 * area and ratio are drawn up to ten times, until it fits.
 *
 * @param largest The greatest height and width that fit.
 * @returns null if none of the ten fits.
 */
export function drawRectangle(
  image: Pick<Image, 'height' | 'width'>,
  largest: Pick<Image, 'height' | 'width'>,
  { scale, ratio }: RectangleOptions,
  rng: Rng,
): Rectangle | null {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = image.height * image.width * between(rng, scale);
    const widthOverHeight = Math.exp(between(rng, [Math.log(ratio[0]), Math.log(ratio[1])]));
    const width = Math.round(Math.sqrt(area * widthOverHeight));
    const height = Math.round(Math.sqrt(area / widthOverHeight));
    if (height < 1 || width < 1 || height > largest.height || width > largest.width) continue;
    const top = rng.integer(image.height - height + 1);
    const left = rng.integer(image.width - width + 1);
    return { top, left, height, width };
  }
  return null;
}

const between = (rng: Rng, [low, high]: Interval): number => low + (high - low) * rng.float();
