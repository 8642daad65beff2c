import { checkRgba } from './check-image.js';
import { imageOnWhite, type Samples } from './rgb.js';
import type { Image } from './source.js';

/**
 * The image in four bytes a pixel, such as a canvas gives (`ImageData`): red, green, blue, and alpha, how opaque it is. What lies
 * under a transparent pixel is white, as in files and on pages: whatever colour a transparent pixel may have itself, nobody ever saw it.
 *
 * @throws RangeError or TypeError, one line, unless there are four bytes for each pixel.
 */
export function imageFromRgba(samples: Samples): Image {
  checkRgba(samples, 'imageFromRgba');
  return imageOnWhite(samples);
}
