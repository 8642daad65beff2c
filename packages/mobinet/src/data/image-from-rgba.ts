import { checkRgba } from './check-image.js';
import { imageOnWhite, type Samples } from './rgb.js';
import type { Image } from './source.js';

/**
 * Converts RGBA pixels, such as a canvas' `ImageData`, to an image. Transparent pixels are blended onto white, as for
 * image files: their own color was never visible.
 *
 * @param samples Rows from the top, four bytes per pixel: [height, width, 4].
 * @returns u8 [height, width, 3]
 * @throws RangeError or TypeError, one line, unless there are four bytes for each pixel.
 * @example
 * ```ts
 * import { imageFromRgba } from 'mobinet';
 *
 * // An opaque blue pixel, and a transparent one.
 * const data = Uint8Array.of(0, 0, 255, 255, 0, 0, 255, 0);
 * console.log(`${imageFromRgba({ height: 1, width: 2, data }).pixels}`);
 * // → 0,0,255,255,255,255
 * ```
 */
export function imageFromRgba(samples: Samples): Image {
  checkRgba(samples, 'imageFromRgba');
  return imageOnWhite(samples);
}
