import { checkNumber, wholeNumbers } from '@mobinet/tensor';
import { DataError } from './errors.js';
import type { Split } from './split.js';

/** One image in memory: rows from the top, three bytes (red, green, blue) a pixel. u8 [height, width, 3]. */
export interface Image {
  readonly height: number;
  readonly width: number;
  readonly pixels: Uint8Array;
}

/** No side of an image is longer, given or scaled: more would be a mistake, and its pixels would fill the memory. */
export const largestSide = 16_384;

/** What tells the images of a class from others: how many, and a hash of what they are. */
export interface ClassFingerprint {
  readonly images: number;
  readonly hash: string;
}

/** Where the images of one split come from. An image is known by its index, 0 … length − 1. */
export interface ImageSource {
  readonly length: number;

  /** Names of the classes, for messages. */
  readonly classes?: readonly string[];

  /** The class of an image, as an index into the data set's `classes`. */
  label(index: number): number;

  /** What messages call an image. */
  name(index: number): string;

  /** The path of the file that holds an image, or the image itself where it is in memory already. */
  image(index: number): string | Image;

  /**
   * What tells the images of each class from others, so that a run goes on with those that it began with. A source without it is not
   * checked.
   */
  fingerprint?(): readonly ClassFingerprint[];
}

/** A data set for classification: its classes, and the images to train on and to validate with. */
export interface ImageDataset {
  readonly classes: readonly string[];
  readonly train: ImageSource;
  readonly val: ImageSource;
  /** How `val` was drawn, where the images were not split already. */
  readonly split?: Split;
}

/** What to validate with. */
export interface ValidationSet extends Omit<ImageDataset, 'train'> {
  /** Whether these are all images of a folder that has no train/ and val/. */
  readonly isUnsplit?: boolean;
}

/** @throws DataError if so few images cannot have one of each class: a network would never see an example of some. */
export function checkLimit(limit: number | undefined, classes: readonly string[]): void {
  if (limit === undefined || limit >= classes.length || !(limit >= 1)) return;
  throw new DataError(
    `${limit} images are fewer than the ${classes.length} classes, some of which would have none. Use a larger --limit, or none`,
  );
}

/**
 * Chooses `limit` images, drawn evenly over the classes: the first of each class, then the second of each, and
 * so on. Returns their positions in `labels`, ascending; all of them without a limit.
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
