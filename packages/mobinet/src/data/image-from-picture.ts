import { DataError } from './errors.js';
import { type Bitmap, imageFromBitmap, imageFromBlob } from './image-from-blob.js';
import { imageFromRgba } from './image-from-rgba.js';
import type { Image } from './source.js';

/**
 * A picture on a web page: its RGBA pixels, as in a canvas' `ImageData`, the file of an image (a `File` is a `Blob`), or
 * what a canvas can draw: an image, video or canvas element, or an `ImageBitmap`.
 */
export type Picture = { height: number; width: number; data: Uint8Array | Uint8ClampedArray } | Blob | Bitmap;

/**
 * Reads a picture, as `imageFromRgba`, `imageFromBlob` and `imageFromBitmap` do. Pixels are read anywhere, all other
 * pictures only in browsers.
 *
 * @param picture Pixels in RGBA, a blob, or an image element of a page.
 * @param name What errors call it.
 * @throws DataError or TypeError, one line, if it cannot be read.
 * @example
 * ```ts
 * import { imageFromPicture } from 'mobinet';
 *
 * // One opaque red pixel in RGBA. In a browser: imageFromPicture(document.querySelector('img')).
 * const { pixels } = await imageFromPicture({ height: 1, width: 1, data: Uint8ClampedArray.of(255, 0, 0, 255) });
 * console.log(`${pixels}`);
 * // → 255,0,0
 * ```
 */
export async function imageFromPicture(picture: Picture, name = 'the picture'): Promise<Image> {
  if (typeof picture !== 'object' || picture === null) {
    throw new TypeError(`${name} must be pixels { width, height, data }, a Blob or an image element, not ${picture}`);
  }
  if ('data' in picture) return imageFromRgba(picture);
  if (typeof createImageBitmap === 'undefined') {
    throw new DataError(`${name}: only browsers decode images here. Pass its pixels, { width, height, data } in RGBA`);
  }
  if (picture instanceof Blob) return imageFromBlob(picture, name);
  const bitmap = await bitmapOf(picture, name);
  try {
    return imageFromBitmap(bitmap);
  } finally {
    bitmap.close();
  }
}

async function bitmapOf(picture: Bitmap, name: string): ReturnType<typeof createImageBitmap> {
  try {
    // An image element may still be loading.
    await (picture as { decode?(): Promise<void> }).decode?.();
    // Browsers take more than the files that the declaration names.
    return await createImageBitmap(picture as Blob & Bitmap, {
      imageOrientation: 'from-image',
      premultiplyAlpha: 'none',
      colorSpaceConversion: 'none',
    });
  } catch (cause) {
    throw new DataError(`${name} is not an image, or it is corrupt. Use a PNG, JPEG, GIF or WebP file`, { cause });
  }
}
