import {
  checkChoice,
  checkNumber,
  checkRecord,
  type NumberRange,
  type Rng,
  shown,
  wholeNumbers,
} from '@mobinet/tensor';
import { type Image, largestSide } from './source.js';

/** How an example is cut from its image. */
export interface Augmentation {
  /** Where the square is cut: the middle, or anywhere. */
  readonly crop: 'center' | 'random';
  /** Pixels added on every side before cutting. An image smaller than the square is padded up to it in any case. */
  readonly padding: number;
  /** What padding shows: black, or the image mirrored at its edge (the edge itself not repeated). */
  readonly paddingMode: 'zero' | 'reflect';
  /** Whether half of the images are mirrored, left to right. */
  readonly flip: boolean;
}

/** Pixels that may be added on a side. */
export const cropPaddingRange = wholeNumbers(0, largestSide);

/** @throws RangeError or TypeError, one line that names the field, unless examples can be cut so. */
export function checkAugmentation(value: unknown, name = 'augment'): asserts value is Augmentation {
  checkRecord(name, value);
  checkChoice(`${name}.crop`, value.crop, ['center', 'random']);
  checkChoice(`${name}.paddingMode`, value.paddingMode, ['zero', 'reflect']);
  checkNumber(`${name}.padding`, value.padding, cropPaddingRange);
  checkChoice(`${name}.flip`, value.flip, [true, false]);
}

/** The middle of each image, as for validation. */
export const centerCrop: Augmentation = { crop: 'center', padding: 0, paddingMode: 'zero', flip: false };

/** A random square of each image, mirrored half of the time: the usual choice for training. */
export const randomCropAndFlip: Augmentation = { ...centerCrop, crop: 'random', flip: true };

/**
 * What an example shows of its image: for each of its rows and columns, the row and column of the image that it
 * reads, −1 being black. Cutting, padding and mirroring all come down to this.
 */
export interface View {
  readonly rows: Int32Array;
  readonly columns: Int32Array;
}

/**
 * Draws a view of `size` × `size` pixels. The same generator state and image size give the same view.
 * @param rng Null where nothing is left to chance: no random crop, no flip.
 */
export function drawView(
  image: Pick<Image, 'height' | 'width'>,
  size: number,
  { crop, padding, paddingMode, flip }: Augmentation,
  rng: Rng | null,
): View {
  const along = (length: number): Int32Array => {
    const room = length + 2 * padding - size;
    const offset = crop === 'random' && room > 0 ? rng!.integer(room + 1) : Math.trunc(room / 2);
    return Int32Array.from({ length: size }, (_, i) => padded(offset - padding + i, length, paddingMode));
  };
  const rows = along(image.height);
  const columns = along(image.width);
  if (flip && rng!.float() < 0.5) columns.reverse();
  return { rows, columns };
}

/** The element that `position` shows along an axis of `length` elements with padding beyond. */
function padded(position: number, length: number, mode: Augmentation['paddingMode']): number {
  if (position >= 0 && position < length) return position;
  if (mode === 'zero') return -1;
  // 0 1 2 3 | 2 1 0 1 …: going on past an edge walks back, with a period of 2 (length − 1).
  const period = Math.max(1, 2 * (length - 1));
  const folded = ((position % period) + period) % period;
  return Math.min(folded, period - folded);
}

/** Mean and standard deviation of each channel, of values in 0 … 1. */
export interface Normalization {
  readonly mean: readonly [red: number, green: number, blue: number];
  readonly std: readonly [red: number, green: number, blue: number];
}

/** Those of ImageNet's training images, which nearly every published model uses. */
export const imageNetNormalization: Normalization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** @throws RangeError, one line that names the number, unless these are statistics of values in 0 … 1. */
export function checkNormalization(value: unknown, name = 'normalization'): asserts value is Normalization {
  checkRecord(name, value);
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

/** For values in 0 … 1: the mean and deviation of bytes, as other programs give them, would make all images alike. */
export const normalizationRanges = {
  mean: { from: -10, to: 10 },
  std: { from: 1e-6, to: 10 },
} as const satisfies Record<keyof Normalization, NumberRange>;

/** (x / 255 − mean) / std for every channel and byte x. f32 [3, 256]. */
export function normalizationTable({ mean, std }: Normalization): Float32Array {
  return Float32Array.from({ length: 3 * 256 }, (_, i) => ((i % 256) / 255 - mean[i >> 8]) / std[i >> 8]);
}

/** Writes an example to `target` from element `at` on: what `view` shows of `image`, normalised. f32 [rows, columns, 3]. */
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
