import { DataError } from './errors.js';

// This file imports no tensors, so that a page whose worker runs the network need not load them.

/** RGBA pixels, four bytes each, in rows from the top, as in a canvas' `ImageData`. */
export interface Rgba {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** What a canvas can draw: an image, video or canvas element, an `ImageBitmap`. */
export interface Drawable {
  readonly width: number;
  readonly height: number;
}

/** A picture on a web page: its pixels, the file of an image (a `File` is a `Blob`), or what a canvas can draw. */
export type Picture = Rgba | Blob | Drawable;

/** Larger pictures are scaled down to this many pixels, since phones have little memory. */
const maxPixels = 16e6;

/**
 * Decodes a picture. Applies the EXIF orientation but no color profile: a network needs the values in the file, as Node
 * reads them. Transparent pixels are blended with white. Pictures of more than 16 million pixels are scaled down.
 *
 * Pixels are returned as they are, unchecked, also where there is no canvas, as in Node.
 *
 * @param name What errors call it.
 * @throws DataError, one line, if it cannot be decoded here; TypeError if it is no object.
 */
export async function readPixels(picture: Picture, name = 'the picture'): Promise<Rgba> {
  if (typeof picture !== 'object' || picture === null) {
    throw new TypeError(`${name} must be pixels { width, height, data }, a Blob or an image element, not ${picture}`);
  }
  if ('data' in picture) return picture;
  if (typeof createImageBitmap === 'undefined') {
    throw new DataError(`${name}: only browsers decode images here. Pass its pixels, { width, height, data } in RGBA`);
  }
  const bitmap = await bitmapOf(picture, name);
  const scale = Math.min(1, Math.sqrt(maxPixels / (bitmap.width * bitmap.height)));
  try {
    return drawPixels(bitmap, Math.ceil(scale * bitmap.width), Math.ceil(scale * bitmap.height));
  } finally {
    bitmap.close();
  }
}

async function bitmapOf(picture: Blob | Drawable, name: string): ReturnType<typeof createImageBitmap> {
  try {
    // An image element may still be loading.
    await (picture as { decode?(): Promise<void> }).decode?.();
    return await createImageBitmap(picture, {
      imageOrientation: 'from-image',
      premultiplyAlpha: 'none',
      colorSpaceConversion: 'none',
    });
  } catch (cause) {
    throw new DataError(`${name} is not an image, or it is corrupt. Use a PNG, JPEG, GIF or WebP file.`, { cause });
  }
}

/** Draws on white, scaled to this size, and returns the pixels. @throws DataError if there is not enough memory. */
export function drawPixels(image: Drawable, width: number, height: number): Rgba {
  const context = new OffscreenCanvas(width, height).getContext('2d', { alpha: false, willReadFrequently: true });
  if (!context) {
    throw new DataError(`There is not enough memory for an image of ${width} × ${height} pixels. Use a smaller one.`);
  }
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = 'high';
  context.drawImage(image, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  return { width, height, data };
}
