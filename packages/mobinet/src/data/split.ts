import { checkNumber, Rng, withBackend } from '@mobinet/tensor';
import type { ClassFolder } from './class-folders.js';
import { DataError } from './errors.js';

/** How validation images are drawn from images that are not split yet. */
export interface Split {
  /** The share of the images of each class that validates. */
  readonly valShare: number;
  readonly splitSeed: number;
}

/**
 * Divides the images of a class, given in order. The share is drawn for each class by itself, from the seed and its name; at least one
 * image is left on either side.
 *
 * @throws DataError if there are fewer than two.
 */
export function splitImages(
  { name, path }: ClassFolder,
  files: readonly string[],
  { valShare, splitSeed }: Split,
): { train: string[]; val: string[] } {
  checkNumber('valShare', valShare, { above: 0, below: 1 });
  if (files.length < 2) {
    throw new DataError(
      `${path} holds one image, and both training and validation need one. Add more, or remove the class`,
    );
  }
  const count = Math.min(files.length - 1, Math.max(1, Math.round(valShare * files.length)));
  const drawn = new Set(drawOrder(name, files.length, splitSeed).slice(0, count));
  return { train: files.filter((_, i) => !drawn.has(i)), val: files.filter((_, i) => drawn.has(i)) };
}

function drawOrder(name: string, length: number, seed: number): Int32Array {
  return withBackend('cpu', () => {
    const permutation = Rng.fromSeed(seed).split('validation', name).permutation(length);
    const order = permutation.values.slice();
    permutation.dispose();
    return order;
  });
}
