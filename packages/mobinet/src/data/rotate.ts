import type { Rng } from '@mobinet/tensor/functions';
import { readView, type View } from './augment.js';
import type { Image } from './source.js';

/** An image, and how far it is to be rotated counterclockwise about its center. */
export interface RotatedImage {
  readonly image: Image;
  readonly degrees: number;
}

/** An angle drawn uniformly from −largest to largest degrees. */
export const drawAngle = (largest: number, rng: Rng): number => largest * (2 * rng.float() - 1);

/**
 * Rotates an image with bilinear interpolation and reads a view of the result, which has the same size, and is black
 * where it shows nothing of the image. Only the pixels of the view are computed.
 *
 * The bytes are those of Pillow's `Image.rotate`, which torchvision's `RandomRotation` calls for Pillow's images.
 */
export function readRotated({ image, degrees }: RotatedImage, view: View): Image {
  if (degrees === 0) return readView(image, view);
  const { rows, columns } = view;
  const { height, width } = image;
  const result = new Uint8Array(rows.length * columns.length * 3);
  const { cos, sin, left, top } = inverseRotation(image, degrees);
  let at = 0;
  for (const row of rows) {
    for (const column of columns) {
      const x = cos * (column + 0.5) + sin * (row + 0.5) + left;
      const y = -sin * (column + 0.5) + cos * (row + 0.5) + top;
      const isInside = x >= 0 && x < width && y >= 0 && y < height;
      if (isInside && row >= 0 && column >= 0) interpolate(image, x - 0.5, y - 0.5, result, at);
      at += 3;
    }
  }
  return { height: rows.length, width: columns.length, pixels: result };
}

/** The point (x, y) of the rotated image shows (cos · x + sin · y + left, −sin · x + cos · y + top) of the original. */
function inverseRotation({ height, width }: Image, degrees: number) {
  const radians = -(((degrees % 360) + 360) % 360) * (Math.PI / 180);
  const [cos, sin] = [toFifteenDigits(Math.cos(radians)), toFifteenDigits(Math.sin(radians))];
  const [x, y] = [width / 2, height / 2];
  return { cos, sin, left: cos * -x + sin * -y + x, top: -sin * -x + cos * -y + y };
}

/** Pillow rounds so, too: a quarter turn then moves pixels exactly onto others. */
const toFifteenDigits = (value: number): number => Number(value.toFixed(15));

/** Writes the color at the column `x` and the row `y`, which are fractions. Beyond its edges, the image is continued. */
function interpolate({ height, width, pixels }: Image, x: number, y: number, target: Uint8Array, at: number): void {
  const column = Math.floor(x);
  const row = Math.floor(y);
  const left = 3 * Math.max(column, 0);
  const right = 3 * Math.min(column + 1, width - 1);
  const upper = 3 * width * Math.max(row, 0);
  const lower = 3 * width * Math.min(row + 1, height - 1);
  for (let channel = 0; channel < 3; channel++) {
    const above = between(pixels[upper + left + channel], pixels[upper + right + channel], x - column);
    const below = between(pixels[lower + left + channel], pixels[lower + right + channel], x - column);
    // Storing truncates, as in Pillow's Geometry.c.
    target[at + channel] = between(above, below, y - row);
  }
}

const between = (a: number, b: number, share: number): number => a + (b - a) * share;
