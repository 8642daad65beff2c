import type { Image } from './source.js';

/**
 * Rotates or mirrors an image according to the EXIF tag Orientation, which says on which sides of the image the first
 * stored row and the first stored column belong: 1 top and left, 2 top and right, 3 bottom and right, 4 bottom and
 * left, 5 left and top, 6 right and top, 7 right and bottom, 8 left and bottom.
 *
 * @returns `image` itself for orientation 1 and for undefined values.
 */
export function orient(image: Image, orientation = 1): Image {
  if (!(orientation >= 2 && orientation <= 8)) return image;
  const { height, width, pixels } = image;
  const rowsAreColumns = orientation >= 5;
  // The distance, in the result, between vertical neighbors and between horizontal neighbors of the stored image.
  let downStep = rowsAreColumns ? 1 : width;
  let rightStep = rowsAreColumns ? height : 1;
  let start = 0;
  if ([3, 4, 6, 7].includes(orientation)) {
    start += (height - 1) * downStep;
    downStep = -downStep;
  }
  if ([2, 3, 7, 8].includes(orientation)) {
    start += (width - 1) * rightStep;
    rightStep = -rightStep;
  }
  const result = new Uint8Array(pixels.length);
  let from = 0;
  for (let row = 0; row < height; row++) {
    let to = 3 * (start + row * downStep);
    for (let column = 0; column < width; column++, from += 3, to += 3 * rightStep) {
      result[to] = pixels[from];
      result[to + 1] = pixels[from + 1];
      result[to + 2] = pixels[from + 2];
    }
  }
  return rowsAreColumns ? { height: width, width: height, pixels: result } : { height, width, pixels: result };
}
