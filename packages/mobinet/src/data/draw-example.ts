import type { Rng } from '@mobinet/tensor/functions';
import { type Augmentation, drawView, rangeFrom, type View, writeExample } from './augment.js';
import { jitterColors } from './color-jitter.js';
import { eraseRectangle } from './random-erasing.js';
import { resize } from './resize.js';
import { drawResizedCrop, resizedCropDefaults } from './resized-crop.js';
import { drawAngle, type RotatedImage, readRotated } from './rotate.js';
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
 * Draws an example from an image: rotates, crops, mirrors, changes colors, normalizes and erases, in the order of torchvision's
 * reference training. Writes it to `target`, which has `size` · `size` · 3 elements.
 *
 * Angles, colors and rectangles to erase have generators of their own, so an image is cropped and mirrored in the same
 * way with and without them.
 */
export function drawExample(
  image: Image,
  { size, augment, table }: ExampleOptions,
  rng: Rng,
  target: Float32Array,
): void {
  const { crop, rotate, colorJitter, erase } = augment;
  const whole = { image, degrees: rotate ? drawAngle(rotate, rng.split('rotate')) : 0 };
  const source = crop === 'resized' ? { image: resizedCrop(whole, size, augment, rng), degrees: 0 } : whole;
  const view = drawView(source.image, size, augment, rng);
  if (colorJitter || source.degrees !== 0) {
    const cropped = readRotated(source, view);
    const colored = colorJitter ? jitterColors(cropped, colorJitter, rng.split('color jitter')) : cropped;
    writeExample(colored, wholeView(size), table, target, 0);
  } else {
    writeExample(source.image, view, table, target, 0);
  }
  if (erase) eraseRectangle(target, size, erase, rng.split('erase'));
}

/** Part of a rotated image, resized to `size` × `size` pixels. */
function resizedCrop(whole: RotatedImage, size: number, { cropScale, cropRatio }: Augmentation, rng: Rng): Image {
  const { scale, ratio } = resizedCropDefaults;
  const part = drawResizedCrop(whole.image, { scale: cropScale ?? scale, ratio: cropRatio ?? ratio }, rng);
  const view = { rows: rangeFrom(part.top, part.height), columns: rangeFrom(part.left, part.width) };
  return resize(readRotated(whole, view), size, size);
}

const wholeView = (size: number): View => ({ rows: rangeFrom(0, size), columns: rangeFrom(0, size) });
