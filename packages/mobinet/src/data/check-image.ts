import { checkNumber, checkRecord, shown, wholeNumbers } from '@mobinet/tensor';
import { type Image, largestSide } from './source.js';

/**
 * Images that a program makes itself: without this check, pixels of another layout would be another picture, and get an answer.
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
    [4 * size]: '. Four bytes a pixel, as a canvas gives, become three with imageFromRgba({ height, width, data })',
    [size]: '. One byte a pixel is gray: write it three times, for red, green and blue',
  };
  throw new RangeError(
    `${name}: ${pixels.length} bytes are not the 3 × ${width} × ${height} = ${3 * size} of red, green and blue` +
      (remedies[pixels.length] ?? ''),
  );
}

/** The same of four bytes a pixel. */
export function checkRgba(image: unknown, name: string): void {
  checkRecord(name, image);
  const { height, width, data } = image;
  const size = checkSides(height, width, name);
  checkBytes(data, `${name}: data`);
  if (data.length === 4 * size) return;
  const remedy =
    data.length === 3 * size ? '. Three bytes a pixel are an image already: { height, width, pixels }' : '';
  throw new RangeError(
    `${name}: ${data.length} bytes are not the 4 × ${width} × ${height} = ${4 * size} of red, green, blue and alpha${remedy}`,
  );
}

const sideRange = wholeNumbers(1, largestSide);

function checkSides(height: unknown, width: unknown, name: string): number {
  return checkNumber(`${name}: height`, height, sideRange) * checkNumber(`${name}: width`, width, sideRange);
}

function checkBytes(values: unknown, name: string): asserts values is Uint8Array {
  if (values instanceof Uint8Array || values instanceof Uint8ClampedArray) return;
  const isFloat = values instanceof Float32Array || values instanceof Float64Array;
  const remedy = isFloat ? '. Convert numbers from 0 to 1 by Uint8Array.from(values, (value) => 255 * value)' : '';
  throw new TypeError(`${name} must be bytes from 0 to 255 in a Uint8Array, not ${kindOf(values)}${remedy}`);
}

const kindOf = (values: unknown): string => (Array.isArray(values) ? 'a plain array' : shown(values));
