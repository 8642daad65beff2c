import { checkNumber, type Rng, wholeNumbers } from '@mobinet/tensor/functions';
import { DataError } from './errors.js';
import type { Split } from './split.js';

/** An image in memory: rows from the top, three bytes per pixel (red, green, blue). u8 [height, width, 3]. */
export interface Image {
  /** In pixels. */
  readonly height: number;
  /** In pixels. */
  readonly width: number;
  /** Red, green and blue of each pixel: 3 · height · width bytes. */
  readonly pixels: Uint8Array;
}

/** The longest side of an image, given or scaled. A longer one is a mistake, and its pixels would fill the memory. */
export const largestSide = 16_384;

/** Identifies the images of a class by their number and a hash. */
export interface ClassFingerprint {
  /** The number of images of the class. */
  readonly images: number;
  /** A hash of what identifies them, such as their names and sizes. */
  readonly hash: string;
}

/** The path of an image file, its URL (http or https), its bytes (such as those of a JPEG), or its pixels. */
export type ImageInput = string | URL | Uint8Array | Image;

/** The images of one split. An image is identified by its index, 0 … length − 1. */
export interface ImageSource {
  /** The number of images. */
  readonly length: number;

  /** The names of the classes, for messages. */
  readonly classes?: readonly string[];

  /** The class of an image, as an index into the data set's `classes`. */
  label(index: number): number;

  /** The name of an image in messages. Default: `image 0` and so on. */
  name?(index: number): string;

  /** Reads an image, or says where it is. A loader calls it ahead of time, in the order of the batches. */
  image(index: number): ImageInput | Promise<ImageInput>;

  /** Begins a pass over all images, for sources that are best read in an order of their own. */
  pass?(rng: Rng | null): ImagePass;

  /**
   * Identifies the images of each class, so that a resumed run can check that it continues with the same images.
   * Sources without it are not checked.
   */
  fingerprint?(): readonly ClassFingerprint[];
}

/** A pass over the images of a source. */
export interface ImagePass {
  /**
   * All indices in the order to read them in: shuffled, as a function of the generator alone, or ascending without a
   * generator.
   */
  readonly order: Int32Array;
  /** Like `image` of the source. It is called in this order, from any position on; some images may be left out. */
  image(index: number): ImageInput | Promise<ImageInput>;
}

/** What messages call an image of a source. */
export const nameOf = (source: ImageSource, index: number): string => source.name?.(index) ?? `image ${index}`;

/** Whether an image is already in memory, so that it need not be read and decoded. */
export const isInMemory = (image: ImageInput): image is Image =>
  !(typeof image === 'string' || image instanceof URL || image instanceof Uint8Array);

/** A data set for classification: its classes, and the images for training and validation. */
export interface ImageDataset {
  /** The names of the classes. Labels are indices into this list. */
  readonly classes: readonly string[];
  /** The images for training. */
  readonly train: ImageSource;
  /** The images for validation. */
  readonly val: ImageSource;
  /** How `val` was drawn, if the images were not already split. */
  readonly split?: Split;
}

/** What the settings of a run may be chosen by. */
export interface DataSummary {
  /** The number of training images. */
  readonly images: number;
  /** The number of classes. */
  readonly classes: number;
  /** The shorter side of the images in pixels, if they are in memory; null for files, which have not been read yet. */
  readonly side: number | null;
}

/** Summarizes a data set without reading files. */
export function summarizeData({ train, classes }: ImageDataset): DataSummary {
  const image = train.image(0);
  // A source that reads its images is not waited for. If it cannot, the loader says so.
  if (image instanceof Promise) image.catch(() => {});
  const side = !(image instanceof Promise) && isInMemory(image) ? Math.min(image.height, image.width) : null;
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
