import {
  checkChoice,
  checkNumber,
  checkOptionNames,
  checkRecord,
  type NumberRange,
  type Rng,
} from '@mobinet/tensor/functions';
import { checkInterval, drawRectangle, type RectangleOptions, rectangleRanges } from './random-rectangle.js';

/**
 * Erases a rectangle of an image, as torchvision's `RandomErasing` (Zhong et al., "Random Erasing Data Augmentation",
 * AAAI 2020).
 */
export interface RandomErasing extends RectangleOptions {
  /** The probability that an image gets a rectangle. */
  readonly probability: number;
  /**
   * What fills it, in normalized values: 0, which is the mean color of the training images, or random numbers from the
   * standard normal distribution.
   */
  readonly value: 0 | 'random';
}

/** The defaults of torchvision's `RandomErasing`, whose ratio is height / width instead. */
export const erasingDefaults: RandomErasing = { probability: 0.5, scale: [0.02, 0.33], ratio: [0.3, 3.3], value: 0 };

/** The values of `RandomErasing.value`. */
export const erasingValues = [0, 'random'] as const;

/** The range of `RandomErasing.probability`. */
export const probabilityRange: NumberRange = { from: 0, to: 1 };

/**
 * Checks that a value is a `RandomErasing`.
 * @throws RangeError or TypeError, one line that names the field.
 */
export function checkErasing(value: unknown, name: string): asserts value is RandomErasing {
  checkRecord(name, value);
  checkOptionNames(name, value, Object.keys(erasingDefaults));
  checkNumber(`${name}.probability`, value.probability, probabilityRange);
  checkInterval(`${name}.scale`, value.scale, rectangleRanges.scale);
  checkInterval(`${name}.ratio`, value.ratio, rectangleRanges.ratio);
  checkChoice(`${name}.value`, value.value, erasingValues);
}

/** Erases a rectangle of a normalized example of `size` × `size` pixels, perhaps. f32 [size, size, 3] */
export function eraseRectangle(example: Float32Array, size: number, erasing: RandomErasing, rng: Rng): void {
  if (rng.float() >= erasing.probability) return;
  // A rectangle as high or as wide as the image would divide it, so torchvision draws another one.
  const largest = { height: size - 1, width: size - 1 };
  const rectangle = drawRectangle({ height: size, width: size }, largest, erasing, rng);
  if (rectangle === null) return;
  const { top, left, height, width } = rectangle;
  for (let row = top; row < top + height; row++) {
    const from = (row * size + left) * 3;
    for (let at = from; at < from + width * 3; at++) example[at] = erasing.value === 0 ? 0 : normal(rng);
  }
}

/** A number from the standard normal distribution, by the Box–Muller transform. */
const normal = (rng: Rng): number => Math.sqrt(-2 * Math.log(1 - rng.float())) * Math.cos(2 * Math.PI * rng.float());
