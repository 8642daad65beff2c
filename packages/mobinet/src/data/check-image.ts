import { checkNumber, checkRecord, shown, wholeNumbers } from '@mobinet/tensor/functions';
import { type Image, largestSide } from './source.js';

/**
 * Checks an image made by a caller. Without this check, pixels in another layout would be read as a different image and
 * still get a prediction.
 *
 * @param name What the error calls the image.
 * @throws RangeError or TypeError, one line, unless there are three bytes for each of `height` × `width` pixels.
 */
export function checkImage(image: unknown, name = 'image'): asserts image is Image {
  checkRecord(name, image);
  const { height, width, pixels } = image;
  const size = checkSides(height, width, name);
  checkBytes(pixels, `${name}: pixels`);
  if (pixels.length === 3 * size) return;
  const remedies = {
    [4 * size]: '. Convert RGBA, such as the pixels of a canvas, with imageFromRgba({ height, width, data })',
    [size]: '. For a grayscale image, repeat each byte for red, green and blue',
  };
  throw new RangeError(
    `${name}: got ${pixels.length} bytes instead of 3 × ${width} × ${height} = ${3 * size} (RGB)${remedies[pixels.length] ?? ''}`,
  );
}

/** Like `checkImage`, for four bytes per pixel. */
export function checkRgba(image: unknown, name: string): void {
  checkRecord(name, image);
  const { height, width, data } = image;
  const size = checkSides(height, width, name);
  checkBytes(data, `${name}: data`);
  if (data.length === 4 * size) return;
  const remedy = data.length === 3 * size ? '. RGB without alpha is already an image: { height, width, pixels }' : '';
  throw new RangeError(
    `${name}: got ${data.length} bytes instead of 4 × ${width} × ${height} = ${4 * size} (RGBA)${remedy}`,
  );
}

const sideRange = wholeNumbers(1, largestSide);

function checkSides(height: unknown, width: unknown, name: string): number {
  return checkNumber(`${name}: height`, height, sideRange) * checkNumber(`${name}: width`, width, sideRange);
}

function checkBytes(values: unknown, name: string): asserts values is Uint8Array {
  if (values instanceof Uint8Array || values instanceof Uint8ClampedArray) return;
  const isFloat = values instanceof Float32Array || values instanceof Float64Array;
  const remedy = isFloat ? '. Convert values in [0, 1] with Uint8Array.from(values, (value) => 255 * value)' : '';
  throw new TypeError(`${name} must be a Uint8Array of bytes from 0 to 255, not ${kindOf(values)}${remedy}`);
}

const kindOf = (values: unknown): string => (Array.isArray(values) ? 'a plain array' : shown(values));
