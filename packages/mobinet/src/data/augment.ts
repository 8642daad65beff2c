import {
  checkChoice,
  checkNumber,
  checkOptionNames,
  checkRecord,
  type NumberRange,
  type Rng,
  shown,
  wholeNumbers,
} from '@mobinet/tensor/functions';

import { type ColorJitter, checkColorJitter } from './color-jitter.js';
import { checkErasing, type RandomErasing } from './random-erasing.js';
import { checkInterval, type Interval, rectangleRanges } from './random-rectangle.js';
import { type Image, largestSide } from './source.js';

/** The values of `Augmentation.crop`. */
export const crops = ['center', 'random', 'resized'] as const;

/** How an example is drawn from its image. */
export interface Augmentation {
  /**
   * Where the square is cropped: in the center, or at a random position. `'resized'` crops a rectangle of random size
   * and place, and resizes it to the square, as torchvision's `RandomResizedCrop`. Unlike there, the image has been
   * scaled before (`resize`), so that scaled images can be cached.
   */
  readonly crop: (typeof crops)[number];
  /** For `'resized'`: the interval from which the share of the image's area is drawn. Default: 0.08 to 1. */
  readonly cropScale?: Interval;
  /** For `'resized'`: the interval from which width / height is drawn. Default: 3/4 to 4/3. */
  readonly cropRatio?: Interval;
  /**
   * Pixels added on every side before cropping at a random position. An image smaller than the square is always padded
   * to its size.
   */
  readonly padding: number;
  /** What padding shows: black, or the image reflected at its edge (the edge itself not repeated). */
  readonly paddingMode: 'zero' | 'reflect';
  /** Whether each image is mirrored left to right with probability ½. */
  readonly flip: boolean;
  /** Whether each image is mirrored top to bottom with probability ½. Default: false. */
  readonly verticalFlip?: boolean;
  /**
   * The largest angle by which images are rotated before they are cropped, in degrees, at most 180. Each angle is drawn
   * uniformly from −rotate to rotate, as in torchvision's `RandomRotation`; corners that show nothing are black.
   * Default: 0.
   */
  readonly rotate?: number;
  /** How much brightness, contrast and saturation vary. Default: not at all. */
  readonly colorJitter?: ColorJitter;
  /** The rectangles to erase. Default: none. */
  readonly erase?: RandomErasing;
}

/** The range of pixels to pad each side with. */
export const cropPaddingRange = wholeNumbers(0, largestSide);

/** The range of `Augmentation.rotate`, in degrees. */
export const rotationRange: NumberRange = { from: 0, to: 180 };

/** All fields of an augmentation. */
const fields = {
  crop: true,
  cropScale: true,
  cropRatio: true,
  padding: true,
  paddingMode: true,
  flip: true,
  verticalFlip: true,
  rotate: true,
  colorJitter: true,
  erase: true,
} satisfies Record<keyof Augmentation, true>;

/**
 * Checks that a value is an `Augmentation`.
 * @throws RangeError or TypeError, one line that names the field.
 */
export function checkAugmentation(value: unknown, name = 'augment'): asserts value is Augmentation {
  checkRecord(name, value);
  checkOptionNames(name, value, Object.keys(fields));
  checkChoice(`${name}.crop`, value.crop, crops);
  checkChoice(`${name}.paddingMode`, value.paddingMode, ['zero', 'reflect']);
  checkNumber(`${name}.padding`, value.padding, cropPaddingRange);
  checkChoice(`${name}.flip`, value.flip, [true, false]);
  const { verticalFlip, rotate, cropScale, cropRatio, colorJitter, erase } = value;
  if (verticalFlip !== undefined) checkChoice(`${name}.verticalFlip`, verticalFlip, [true, false]);
  if (rotate !== undefined) checkNumber(`${name}.rotate`, rotate, rotationRange);
  if (cropScale !== undefined) checkInterval(`${name}.cropScale`, cropScale, rectangleRanges.scale);
  if (cropRatio !== undefined) checkInterval(`${name}.cropRatio`, cropRatio, rectangleRanges.ratio);
  if (colorJitter !== undefined) checkColorJitter(colorJitter, `${name}.colorJitter`);
  if (erase !== undefined) checkErasing(erase, `${name}.erase`);
}

/**
 * The center of each image, for validation.
 *
 * @example
 * ```ts
 * import { centerCrop } from 'mobinet';
 *
 * console.log(centerCrop);
 * // → { crop: 'center', padding: 0, paddingMode: 'zero', flip: false }
 * ```
 */
export const centerCrop: Augmentation = { crop: 'center', padding: 0, paddingMode: 'zero', flip: false };

/**
 * A random square of each image, mirrored with probability ½: the usual augmentation for training.
 *
 * @example
 * ```ts
 * import { type Augmentation, randomCropAndFlip } from 'mobinet';
 *
 * const augment: Augmentation = { ...randomCropAndFlip, rotate: 10 }; // for an ImageLoader
 * console.log(augment.crop, augment.flip);
 * // → random true
 * ```
 */
export const randomCropAndFlip: Augmentation = { ...centerCrop, crop: 'random', flip: true };

/**
 * The part of an image that an example shows: for each of its rows and columns, the row or column of the image to read,
 * or −1 for black. Cropping, padding and mirroring all reduce to this.
 */
export interface View {
  readonly rows: Int32Array;
  readonly columns: Int32Array;
}

/**
 * Draws a view of `size` × `size` pixels. The same generator state and image size give the same view.
 * @param rng May be null if nothing is random: a center crop without a flip.
 */
export function drawView(
  image: Pick<Image, 'height' | 'width'>,
  size: number,
  { crop, padding, paddingMode, flip, verticalFlip }: Augmentation,
  rng: Rng | null,
): View {
  const along = (length: number): Int32Array => {
    const room = length + 2 * padding - size;
    const offset = crop === 'random' && room > 0 ? rng!.integer(room + 1) : Math.trunc(room / 2);
    return rangeFrom(offset - padding, size).map((position) => padded(position, length, paddingMode));
  };
  const rows = along(image.height);
  const columns = along(image.width);
  if (flip && rng!.float() < 0.5) columns.reverse();
  if (verticalFlip && rng!.float() < 0.5) rows.reverse();
  return { rows, columns };
}

/** start, start + 1, …: `length` numbers. */
export const rangeFrom = (start: number, length: number): Int32Array =>
  Int32Array.from({ length }, (_, i) => start + i);

/**
 * The element to read for `position` along an axis of `length` elements with padding beyond its ends, or −1 for black.
 */
function padded(position: number, length: number, mode: Augmentation['paddingMode']): number {
  if (position >= 0 && position < length) return position;
  if (mode === 'zero') return -1;
  // 0 1 2 3 | 2 1 0 1 …: reflection walks back and forth with a period of 2 (length − 1).
  const period = Math.max(1, 2 * (length - 1));
  const folded = ((position % period) + period) % period;
  return Math.min(folded, period - folded);
}

/**
 * Mean and standard deviation of each channel, for values in [0, 1]: an input of a network is (byte / 255 − mean) /
 * std.
 */
export interface Normalization {
  /** The mean of red, green and blue. */
  readonly mean: readonly [red: number, green: number, blue: number];
  /** The standard deviation of red, green and blue, above 0. */
  readonly std: readonly [red: number, green: number, blue: number];
}

/**
 * The statistics of ImageNet's training images, which nearly every published model uses.
 *
 * @example
 * ```ts
 * import { imageNetNormalization, prepareImages } from 'mobinet';
 *
 * const gray = { height: 1, width: 1, pixels: Uint8Array.of(124, 116, 104) };
 * const x = prepareImages([gray], { resize: 1, normalization: imageNetNormalization }, 1);
 * // The mean color of ImageNet becomes 0.
 * console.log([...x.values].map((value) => Math.abs(value).toFixed(1)).join(' '));
 * // → 0.0 0.0 0.0
 * ```
 */
export const imageNetNormalization: Normalization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/**
 * Checks that a value is a `Normalization` with statistics of values in [0, 1].
 * @throws RangeError, one line that names the number.
 */
export function checkNormalization(value: unknown, name = 'normalization'): asserts value is Normalization {
  checkRecord(name, value);
  checkOptionNames(name, value, Object.keys(normalizationRanges));
  for (const [key, range] of Object.entries(normalizationRanges)) {
    const numbers = value[key];
    if (!Array.isArray(numbers) || numbers.length !== 3) {
      throw new RangeError(`${name}.${key} must be three numbers, for red, green and blue, not ${shown(numbers)}`);
    }
    numbers.forEach((number, channel) => {
      checkNumber(`${name}.${key}[${channel}]`, number, range);
    });
  }
}

/** Ranges for values in [0, 1]. Statistics of bytes, which some programs give, would make all images look alike. */
export const normalizationRanges = {
  mean: { from: -10, to: 10 },
  std: { from: 1e-6, to: 10 },
} as const satisfies Record<keyof Normalization, NumberRange>;

/** The table of (x / 255 − mean) / std for every channel and byte x. f32 [3, 256]. */
export function normalizationTable({ mean, std }: Normalization): Float32Array {
  return Float32Array.from({ length: 3 * 256 }, (_, i) => ((i % 256) / 255 - mean[i >> 8]) / std[i >> 8]);
}

/** Writes the normalized view of an image to `target`, starting at element `at`. f32 [rows, columns, 3]. */
export function writeExample(
  { width, pixels }: Image,
  { rows, columns }: View,
  table: Float32Array,
  target: Float32Array,
  at: number,
): void {
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i];
    for (let j = 0; j < columns.length; j++, at += 3) {
      const column = columns[j];
      const isBlack = row < 0 || column < 0;
      const from = (row * width + column) * 3;
      target[at] = table[isBlack ? 0 : pixels[from]];
      target[at + 1] = table[256 + (isBlack ? 0 : pixels[from + 1])];
      target[at + 2] = table[512 + (isBlack ? 0 : pixels[from + 2])];
    }
  }
}

/** The view of an image as an image of its own. */
export function readView({ width, pixels }: Image, { rows, columns }: View): Image {
  const result = new Uint8Array(rows.length * columns.length * 3);
  let at = 0;
  for (const row of rows) {
    for (const column of columns) {
      if (row >= 0 && column >= 0) {
        const from = (row * width + column) * 3;
        result[at] = pixels[from];
        result[at + 1] = pixels[from + 1];
        result[at + 2] = pixels[from + 2];
      }
      at += 3;
    }
  }
  return { height: rows.length, width: columns.length, pixels: result };
}
