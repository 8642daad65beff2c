import { checkRgba } from './check-image.js';
import { imageOnWhite, type Samples } from './rgb.js';
import type { Image } from './source.js';

/**
 * Converts RGBA pixels, such as a canvas' `ImageData`, to an image. Transparent pixels are blended onto white, as for
 * image files: their own color was never visible.
 *
 * @throws RangeError or TypeError, one line, unless there are four bytes for each pixel.
 */
export function imageFromRgba(samples: Samples): Image {
  checkRgba(samples, 'imageFromRgba');
  return imageOnWhite(samples);
}
