import {
  checkNumber,
  checkOptionNames,
  checkRecord,
  shown,
  type Tensor,
  tensor,
  wholeNumbers,
} from '@mobinet/tensor/functions';
import {
  centerCrop,
  checkNormalization,
  drawView,
  type Normalization,
  normalizationTable,
  writeExample,
} from './augment.js';
import { checkImage } from './check-image.js';
import { resizeShorterSide, shorterSideTo } from './resize.js';
import { type Image, largestSide } from './source.js';

/** How an image becomes an input: it is scaled, center-cropped to the network's size, and normalized. */
export interface Preprocessing {
  /** The shorter side that images are scaled to, in pixels. */
  readonly resize: number;
  /** The mean and standard deviation of each channel. */
  readonly normalization: Normalization;
}

/** The range of the shorter side that images are scaled to. */
export const resizeRange = wholeNumbers(1, largestSide);

/**
 * Checks that a value is a `Preprocessing`.
 * @throws RangeError or TypeError, one line that names the field.
 */
export function checkPreprocessing(value: unknown, name = 'preprocessing'): asserts value is Preprocessing {
  checkRecord(name, value);
  checkOptionNames(name, value, ['resize', 'normalization']);
  checkNumber(`${name}.resize`, value.resize, resizeRange);
  checkNormalization(value.normalization, `${name}.normalization`);
}

/**
 * Prepares images for a network as validation does: scales, center-crops and normalizes them.
 *
 * @param images Images of any sizes.
 * @param preprocessing How images are scaled and normalized.
 * @param size Height and width of the network's input, in pixels.
 * @returns f32 [images, size, size, 3]
 * @throws RangeError or TypeError, one line, for a value that is not an image or a number out of range.
 * @example
 * ```ts
 * import { imageNetNormalization, prepareImages } from 'mobinet';
 *
 * const white = { height: 20, width: 30, pixels: new Uint8Array(20 * 30 * 3).fill(255) };
 * const x = prepareImages([white], { resize: 18, normalization: imageNetNormalization }, 16);
 * console.log(`[${x.shape}], red ${x.values[0].toFixed(3)} = ${((1 - 0.485) / 0.229).toFixed(3)}`);
 * // → [1,16,16,3], red 2.249 = 2.249
 * ```
 */
export function prepareImages(images: readonly Image[], preprocessing: Preprocessing, size: number): Tensor {
  if (!Array.isArray(images)) {
    const what = typeof images === 'object' && images !== null ? 'an object' : shown(images);
    throw new TypeError(`images must be an array of images, not ${what}. Wrap a single image as [image]`);
  }
  checkPreprocessing(preprocessing);
  const { resize, normalization } = preprocessing;
  checkNumber('size', size, wholeNumbers(1, largestSide));
  images.forEach((image: unknown, index) => {
    checkImage(image, `image ${index}`);
    const [height, width] = shorterSideTo(resize, image.height, image.width);
    if (height * width > largestScaled) {
      throw new RangeError(
        `image ${index}: scaled to ${width} × ${height}, it would exceed the limit of ${largestScaled} pixels`,
      );
    }
  });
  const table = normalizationTable(normalization);
  const examples = new Float32Array(images.length * size * size * 3);
  images.forEach((image, index) => {
    const scaled = resizeShorterSide(image, resize);
    const view = drawView(scaled, size, centerCrop, null);
    writeExample(scaled, view, table, examples, index * size * size * 3);
  });
  return tensor(examples, { shape: [images.length, size, size, 3] });
}

/** The most pixels of a scaled image, since a thin strip may become a very long one. */
const largestScaled = 100e6;
