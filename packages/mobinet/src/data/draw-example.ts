import type { Rng } from '@mobinet/tensor';
import { type Augmentation, drawView, rangeFrom, readView, type View, writeExample } from './augment.js';
import { jitterColors } from './color-jitter.js';
import { eraseRectangle } from './random-erasing.js';
import { resize } from './resize.js';
import { drawResizedCrop, resizedCropDefaults } from './resized-crop.js';
import type { Image } from './source.js';

/** How an image becomes an example. */
export interface ExampleOptions {
  /** Height and width of the example. */
  readonly size: number;
  readonly augment: Augmentation;
  /** A `normalizationTable`. */
  readonly table: Float32Array;
}

/**
 * Draws an example from an image: crops, mirrors, changes colors, normalizes and erases, in the order of torchvision's
 * reference training. Writes it to `target`, which has `size` · `size` · 3 elements.
 *
 * Colors and rectangles to erase have generators of their own, so an image is cropped and mirrored in the same way with
 * and without them.
 */
export function drawExample(
  image: Image,
  { size, augment, table }: ExampleOptions,
  rng: Rng,
  target: Float32Array,
): void {
  const cropped = augment.crop === 'resized' ? resizedCrop(image, size, augment, rng) : image;
  const view = drawView(cropped, size, augment, rng);
  if (augment.colorJitter) {
    const jittered = jitterColors(readView(cropped, view), augment.colorJitter, rng.split('color jitter'));
    writeExample(jittered, wholeView(size), table, target, 0);
  } else {
    writeExample(cropped, view, table, target, 0);
  }
  if (augment.erase) eraseRectangle(target, size, augment.erase, rng.split('erase'));
}

/** Part of an image, resized to `size` × `size` pixels. */
function resizedCrop(image: Image, size: number, { cropScale, cropRatio }: Augmentation, rng: Rng): Image {
  const { scale, ratio } = resizedCropDefaults;
  const part = drawResizedCrop(image, { scale: cropScale ?? scale, ratio: cropRatio ?? ratio }, rng);
  const view = { rows: rangeFrom(part.top, part.height), columns: rangeFrom(part.left, part.width) };
  return resize(readView(image, view), size, size);
}

const wholeView = (size: number): View => ({ rows: rangeFrom(0, size), columns: rangeFrom(0, size) });
