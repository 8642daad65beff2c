import { checkNumber, checkRecord, shown, type Tensor, tensor, wholeNumbers } from '@mobinet/tensor';
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

/** How an image becomes an input: scaled, cut in its middle to the network's size, and normalised. */
export interface Preprocessing {
  /** The shorter side that images are scaled to, in pixels. */
  readonly resize: number;
  readonly normalization: Normalization;
}

/** The shorter side that images may be scaled to. */
export const resizeRange = wholeNumbers(1, largestSide);

/** @throws RangeError, one line that names the number, unless images can be made ready so. */
export function checkPreprocessing(value: unknown, name = 'preprocessing'): asserts value is Preprocessing {
  checkRecord(name, value);
  checkNumber(`${name}.resize`, value.resize, resizeRange);
  checkNormalization(value.normalization, `${name}.normalization`);
}

/**
 * Images made ready for a network, as validation does it.
 * @param size Height and width of the network's input.
 * @returns f32 [images, size, size, 3]
 * @throws RangeError or TypeError, one line, for what is no image or no number in its range.
 */
export function prepareImages(
  images: readonly Image[],
  { resize, normalization }: Preprocessing,
  size: number,
): Tensor {
  if (!Array.isArray(images)) {
    const what = typeof images === 'object' && images !== null ? 'an object' : shown(images);
    throw new TypeError(`images must be a list of images, not ${what}. Give one alone as [image]`);
  }
  checkPreprocessing({ resize, normalization });
  checkNumber('size', size, wholeNumbers(1, largestSide));
  images.forEach((image: unknown, index) => {
    checkImage(image, `image ${index}`);
    const [height, width] = shorterSideTo(resize, image.height, image.width);
    if (height * width > largestScaled) {
      throw new RangeError(`image ${index}: scaled to ${width} × ${height} it has more than ${largestScaled} pixels`);
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

/** Pixels that an image may have once it is scaled: a strip becomes a long one. */
const largestScaled = 100e6;
