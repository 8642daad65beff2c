import { checkNumber, Rng } from '@mobinet/tensor/functions';
import type { ClassFolder } from './class-folders.js';
import { DataError } from './errors.js';
import { shuffled } from './shuffled.js';

/** How validation images are drawn from images that are not yet split. */
export interface Split {
  /** The share of the images of each class that is held out for validation. */
  readonly valShare: number;
  /** The seed that draws them. */
  readonly splitSeed: number;
}

/**
 * Splits the sorted images of a class into training and validation. Each class is drawn independently, from the seed
 * and the name of the class, and both sides get at least one image.
 *
 * @throws DataError if there are fewer than two images.
 */
export function splitImages<T>(
  { name, path }: ClassFolder,
  files: readonly T[],
  { valShare, splitSeed }: Split,
): { train: T[]; val: T[] } {
  checkNumber('valShare', valShare, { above: 0, below: 1 });
  if (files.length < 2) {
    throw new DataError(
      `${path} holds one image, but training and validation need one each. Add more, or remove the class`,
    );
  }
  const count = Math.min(files.length - 1, Math.max(1, Math.round(valShare * files.length)));
  const drawn = new Set(shuffled(Rng.fromSeed(splitSeed).split('validation', name), files.length).slice(0, count));
  return { train: files.filter((_, i) => !drawn.has(i)), val: files.filter((_, i) => drawn.has(i)) };
}
