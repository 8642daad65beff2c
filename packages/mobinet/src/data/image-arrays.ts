import { checkNumber, checkRecord, shown, wholeNumbers } from '@mobinet/tensor/functions';
import { checkImage } from './check-image.js';
import type { ImageSource } from './source.js';

/** Images of one size in memory, and their labels. */
export interface ImageArrays {
  /** The height of all images in pixels. */
  readonly height: number;
  /** The width of all images in pixels. */
  readonly width: number;
  /** u8 [images, height, width, 3]: the images one after the other, each with red, green and blue per pixel. */
  readonly pixels: Uint8Array;
  /** The class of each image, counted from 0, [images]. */
  readonly labels: ArrayLike<number>;
  /** The names of the classes, for messages. */
  readonly classes?: readonly string[];
}

/**
 * Makes a source of arrays, to train on images that are already in memory, in Node or on a web page. The pixels are not
 * copied, so they must not change while the source is in use.
 *
 * For images of different sizes, or ones that are made or fetched when they are needed, write a source of your own:
 *
 *     const source = { length: labels.length, label: (i) => labels[i], image: async (i) => fetchImage(i) };
 *
 * @throws RangeError or TypeError, one line, unless there are three bytes for each pixel of as many images as labels,
 *   and all labels are classes.
 * @example
 * ```ts
 * import { imagesFromArrays } from 'mobinet';
 *
 * // Three images of 28×28 pixels: black, gray and white.
 * const pixels = Uint8Array.from({ length: 3 * 28 * 28 * 3 }, (_, i) => 127 * Math.floor(i / (28 * 28 * 3)));
 * const source = imagesFromArrays({ height: 28, width: 28, pixels, labels: [0, 1, 2] }); // for an ImageLoader
 * console.log(`${source.length} images, the last of class ${source.label(2)}`);
 * // → 3 images, the last of class 2
 * ```
 */
export function imagesFromArrays(arrays: ImageArrays): ImageSource {
  checkRecord('the arrays of images', arrays);
  const { height, width, pixels, labels, classes } = arrays;
  if (!(Array.isArray(labels) || ArrayBuffer.isView(labels))) {
    throw new TypeError(`labels must be an array, not ${shown(labels)}`);
  }
  const length = checkNumber('labels.length', labels.length, wholeNumbers(1));
  if (!(pixels instanceof Uint8Array)) {
    const given = Array.isArray(pixels) ? 'a plain array' : shown(pixels);
    throw new TypeError(`pixels must be a Uint8Array of bytes from 0 to 255, not ${given}`);
  }
  const size = pixels.length / length;
  const image = (index: number) => ({ height, width, pixels: pixels.subarray(index * size, (index + 1) * size) });
  checkImage(image(0), `pixels of ${length} images, as many as labels`);
  const range = wholeNumbers(0, classes && classes.length - 1);
  for (let index = 0; index < length; index++) checkNumber(`labels[${index}]`, labels[index], range);
  return { length, ...(classes && { classes }), label: (index) => labels[index], image };
}
