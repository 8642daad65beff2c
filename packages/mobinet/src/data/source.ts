import { checkNumber, wholeNumbers } from '@mobinet/tensor';
import { DataError } from './errors.js';
import type { Split } from './split.js';

/** An image in memory: rows from the top, three bytes per pixel (red, green, blue). u8 [height, width, 3]. */
export interface Image {
  readonly height: number;
  readonly width: number;
  readonly pixels: Uint8Array;
}

/** The longest side of an image, given or scaled. A longer one is a mistake, and its pixels would fill the memory. */
export const largestSide = 16_384;

/** Identifies the images of a class by their number and a hash. */
export interface ClassFingerprint {
  readonly images: number;
  readonly hash: string;
}

/** The images of one split. An image is identified by its index, 0 … length − 1. */
export interface ImageSource {
  readonly length: number;

  /** The names of the classes, for messages. */
  readonly classes?: readonly string[];

  /** The class of an image, as an index into the data set's `classes`. */
  label(index: number): number;

  /** The name of an image in messages. */
  name(index: number): string;

  /** The path of an image file, its URL (http or https), or the image itself if it is already in memory. */
  image(index: number): string | URL | Image;

  /**
   * Identifies the images of each class, so that a resumed run can check that it continues with the same images.
   * Sources without it are not checked.
   */
  fingerprint?(): readonly ClassFingerprint[];
}

/** Whether an image is already in memory, so that it need not be read and decoded. */
export const isInMemory = (image: string | URL | Image): image is Image =>
  !(typeof image === 'string' || image instanceof URL);

/** A data set for classification: its classes, and the images for training and validation. */
export interface ImageDataset {
  readonly classes: readonly string[];
  readonly train: ImageSource;
  readonly val: ImageSource;
  /** How `val` was drawn, if the images were not already split. */
  readonly split?: Split;
}

/** What the settings of a run may be chosen by. */
export interface DataSummary {
  /** The number of training images. */
  readonly images: number;
  readonly classes: number;
  /** The shorter side of the images in pixels, if they are in memory; null for files, which have not been read yet. */
  readonly side: number | null;
}

/** Summarizes a data set without reading files. */
export function summarizeData({ train, classes }: ImageDataset): DataSummary {
  const image = train.image(0);
  const side = isInMemory(image) ? Math.min(image.height, image.width) : null;
  return { images: train.length, classes: classes.length, side };
}

/** The part of a data set that evaluation needs. */
export interface ValidationSet extends Omit<ImageDataset, 'train'> {
  /** Whether these are all images of a folder without train/ and val/. */
  readonly isUnsplit?: boolean;
}

/**
 * Checks a limit on the number of images.
 * @throws DataError if it is smaller than the number of classes, so that a network would see no example of some.
 */
export function checkLimit(limit: number | undefined, classes: readonly string[]): void {
  if (limit === undefined || limit >= classes.length || !(limit >= 1)) return;
  throw new DataError(
    `a limit of ${limit} images leaves some of the ${classes.length} classes without any. Raise --limit, or leave it out`,
  );
}

/**
 * Chooses `limit` images, balanced across classes: the first of each class, then the second of each, and so on.
 * @returns Their positions in `labels`, ascending; without a limit, all positions.
 */
export function chooseEvenly(labels: ArrayLike<number>, limit = Number.POSITIVE_INFINITY): Uint32Array {
  if (limit !== Number.POSITIVE_INFINITY) checkNumber('limit', limit, wholeNumbers(1));
  const seen = new Map<number, number>();
  const rounds = Array.from(labels, (label) => {
    const round = seen.get(label) ?? 0;
    seen.set(label, round + 1);
    return round;
  });
  const positions = Uint32Array.from(rounds.keys());
  if (limit >= positions.length) return positions;
  return positions
    .sort((a, b) => rounds[a] - rounds[b] || labels[a] - labels[b])
    .slice(0, limit)
    .sort();
}
