import type { Rng } from '@mobinet/tensor/functions';
import { drawRectangle, type Rectangle, type RectangleOptions } from './random-rectangle.js';
import type { Image } from './source.js';

/** The defaults of torchvision's `RandomResizedCrop`, which are those of Inception (Szegedy et al., CVPR 2015). */
export const resizedCropDefaults: RectangleOptions = { scale: [0.08, 1], ratio: [3 / 4, 4 / 3] };

/**
 * Draws the part of an image to crop and then resize, as torchvision's `RandomResizedCrop`. If no rectangle fits in ten
 * attempts, it is the largest one in the center whose ratio is in the interval.
 */
export function drawResizedCrop(
  image: Pick<Image, 'height' | 'width'>,
  options: RectangleOptions,
  rng: Rng,
): Rectangle {
  return drawRectangle(image, image, options, rng) ?? centerRectangle(image, options);
}

function centerRectangle(image: Pick<Image, 'height' | 'width'>, { ratio: [low, high] }: RectangleOptions): Rectangle {
  // The ratio of the image, or the nearest one in the interval.
  const ratio = Math.min(high, Math.max(low, image.width / image.height));
  const width = Math.max(1, Math.min(image.width, Math.round(image.height * ratio)));
  const height = Math.max(1, Math.min(image.height, Math.round(image.width / ratio)));
  return {
    top: Math.floor((image.height - height) / 2),
    left: Math.floor((image.width - width) / 2),
    height,
    width,
  };
}
