import { checkNumber, checkRecord, wholeNumbers } from '@mobinet/tensor/functions';
import { kernelSetting } from '@mobinet/tensor/kernels';
import { checkImage } from './check-image.js';
import { resizeFast } from './resize.wasm.js';
import type { Image } from './source.js';
import { type Filter, half, triangleFilter, weightBits } from './triangle-filter.js';

/**
 * Scales an image so that its shorter side has `side` pixels. The longer side keeps the aspect ratio, rounded down, as
 * in torchvision's `Resize`.
 *
 * @param image u8 [image.height, image.width, 3].
 * @param side In pixels.
 * @throws RangeError or TypeError, one line, for a value that is not an image, or a side that is not a whole number.
 * @example
 * ```ts
 * import { resizeShorterSide } from 'mobinet/kernels';
 *
 * const photo = { height: 30, width: 45, pixels: new Uint8Array(30 * 45 * 3) };
 * const { height, width } = resizeShorterSide(photo, 20);
 * console.log(`${height} × ${width}`);
 * // → 20 × 30
 * ```
 */
export function resizeShorterSide(image: Image, side: number): Image {
  checkImage(image);
  checkNumber('side', side, wholeNumbers(1, largestResized));
  const [height, width] = shorterSideTo(side, image.height, image.width);
  return resize(image, height, width);
}

/** The most pixels of a result, whose bytes an array can hold. */
const largestResized = 2 ** 29;

/** The height and width of an image after its shorter side is scaled to `side`. */
export function shorterSideTo(side: number, height: number, width: number): [height: number, width: number] {
  return height < width ? [side, Math.floor((side * width) / height)] : [Math.floor((side * height) / width), side];
}

/**
 * Resizes an image with antialiased bilinear interpolation, bit-identical to Pillow and so to torchvision.
 *
 * A new pixel is a weighted mean of the old ones around it. The weights fall off linearly, as a triangle, over one old
 * pixel to either side when an image grows (plain bilinear interpolation), and over one new pixel when it shrinks, so
 * that every old pixel counts and fine patterns do not alias. The filter is separable: it runs along the rows, then
 * along the columns.
 *
 * @param image u8 [image.height, image.width, 3].
 * @param height The new height, in pixels.
 * @param width The new width, in pixels.
 * @param whole The height and width that become `height` and `width`, if a little of the image is missing at its lower
 *   and right edge. Default: those of the image.
 * @returns u8 [height, width, 3]; `image` itself if it already has this size.
 * @throws RangeError or TypeError, one line, for a value that is not an image, or a size that is not a whole number.
 * @example
 * ```ts
 * import { resize } from 'mobinet/kernels';
 *
 * // One row: a black pixel and a white one.
 * const image = { height: 1, width: 2, pixels: Uint8Array.of(0, 0, 0, 255, 255, 255) };
 * console.log(`${resize(image, 1, 1).pixels}`);
 * // → 128,128,128
 * ```
 */
export function resize(
  image: Image,
  height: number,
  width: number,
  whole: Pick<Image, 'height' | 'width'> = image,
): Image {
  checkImage(image);
  checkRecord('the size of the whole image', whole);
  for (const [name, size] of Object.entries({ height, width })) {
    checkNumber(name, size, wholeNumbers(1, largestResized));
    // The whole may end within a pixel: see `scaleReduced`.
    checkNumber(`whole.${name}`, whole[name as keyof typeof whole], { above: 0, to: largestResized });
  }
  checkNumber('height · width', height * width, wholeNumbers(1, largestResized));
  if (image.height === height && image.width === width) return image;
  const alongRows = triangleFilter(image.width, width, whole.width);
  const alongColumns = triangleFilter(image.height, height, whole.height);
  const fast = kernelSetting().tier === 'reference' ? null : resizeFast(image, alongRows, alongColumns);
  const pixels = fast ?? resizePlain(image, alongRows, alongColumns);
  return { height, width, pixels };
}

/** The definition that `resizeFast` must match. u8 [image.height, image.width, 3] to u8 [height, width, 3]. */
export function resizePlain({ height, width, pixels }: Image, alongRows: Filter, alongColumns: Filter): Uint8Array {
  return resizeColumns(resizeRows(pixels, height, width, alongRows), alongRows.first.length, alongColumns);
}

/** u8 [height, width, 3] to u8 [height, first.length, 3]. */
function resizeRows(pixels: Uint8Array, height: number, width: number, { first, taps, weights }: Filter): Uint8Array {
  const result = new Uint8Array(height * first.length * 3);
  let at = 0;
  for (let row = 0; row < height; row++) {
    for (let i = 0; i < first.length; i++) {
      for (let channel = 0; channel < 3; channel++, at++) {
        let sum = half;
        for (let k = 0; k < taps; k++) {
          sum += weights[i * taps + k] * pixels[(row * width + first[i] + k) * 3 + channel];
        }
        result[at] = Math.min(255, sum >> weightBits);
      }
    }
  }
  return result;
}

/** u8 [height, width, 3] to u8 [first.length, width, 3]. */
function resizeColumns(pixels: Uint8Array, width: number, { first, taps, weights }: Filter): Uint8Array {
  const rowBytes = width * 3;
  const result = new Uint8Array(first.length * rowBytes);
  for (let i = 0; i < first.length; i++) {
    for (let j = 0; j < rowBytes; j++) {
      let sum = half;
      for (let k = 0; k < taps; k++) sum += weights[i * taps + k] * pixels[(first[i] + k) * rowBytes + j];
      result[i * rowBytes + j] = Math.min(255, sum >> weightBits);
    }
  }
  return result;
}
