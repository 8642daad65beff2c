import { shown } from '@mobinet/tensor/functions';
import { DataError } from './errors.js';
import { imageOnWhite } from './rgb.js';
import type { Image } from './source.js';

/** A decoded picture that a canvas can draw, such as an `ImageBitmap`. */
export interface Bitmap {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
}

/** Larger images are scaled down to this many pixels, since phones have little memory. */
const maxPixels = 16e6;

/**
 * Decodes an image file in a web page or a worker: a chosen or dropped `File`, or the `blob()` of a response. The
 * browser decodes it. As in Node, its EXIF orientation is applied (browsers ignore that of WebP files), its color
 * profile is not, and transparent pixels are blended with white. Images of more than 16 million pixels are scaled down
 * to that.
 *
 * @param blob The contents of an image file.
 * @param name What the error calls the image. Default: the name of the file.
 * @throws DataError, one line, if the browser cannot decode it.
 * @example In a browser
 * ```js
 * const [file] = document.querySelector('input[type=file]').files;
 * const [classes] = await model.predict([await imageFromBlob(file)]);
 * ```
 */
export async function imageFromBlob(blob: Blob, name?: string): Promise<Image> {
  checkBrowser('imageFromBlob');
  if (!(blob instanceof Blob)) throw new TypeError(`imageFromBlob: expected a Blob or File, not ${shown(blob)}`);
  let bitmap: DecodedBitmap;
  try {
    bitmap = await createImageBitmap(blob, {
      imageOrientation: 'from-image',
      premultiplyAlpha: 'none',
      colorSpaceConversion: 'none',
    });
  } catch (error) {
    const what = name ?? ('name' in blob ? blob.name : 'the file');
    throw new DataError(`${what} is not an image, or it is corrupt. Use a PNG, JPEG, GIF or WebP file`, {
      cause: error,
    });
  }
  try {
    const rgba = pixelsOf(bitmap);
    const image = imageOnWhite(rgba);
    return isOpaque(rgba) ? image : ((await imageFromExactColors(bitmap, image)) ?? image);
  } finally {
    bitmap.close();
  }
}

/**
 * Reads the pixels of a decoded picture in a web page or a worker: an `ImageBitmap`, such as a frame of a video, or a
 * canvas. Transparent pixels are blended with white. Pictures of more than 16 million pixels are scaled down to that.
 *
 * @throws DataError, one line, if there is not enough memory.
 * @example In a browser
 * ```js
 * const image = imageFromBitmap(await createImageBitmap(document.querySelector('video')));
 * ```
 */
export function imageFromBitmap(bitmap: Bitmap): Image {
  checkBrowser('imageFromBitmap');
  return imageOnWhite(pixelsOf(bitmap));
}

interface Rgba {
  readonly height: number;
  readonly width: number;
  readonly data: Uint8ClampedArray;
}

function pixelsOf(bitmap: Bitmap): Rgba {
  const scale = Math.min(1, Math.sqrt(maxPixels / (bitmap.width * bitmap.height)));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.ceil(scale * side));
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (!context) {
    throw new DataError(
      `there is not enough memory for an image of ${width} × ${height} pixels. Close other pages, or use a smaller one`,
    );
  }
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, width, height);
  return { width, height, data: context.getImageData(0, 0, width, height).data };
}

function isOpaque({ data }: Rgba): boolean {
  for (let at = 3; at < data.length; at += 4) if (data[at] < 255) return false;
  return true;
}

/**
 * Blends the exact colors of a picture with white. A canvas stores colors multiplied by alpha, and Firefox rounds these
 * products to other values than Node, by at most 1. A video frame has the colors themselves.
 *
 * @param image The picture according to a canvas.
 * @returns Null if the browser has no such frames, or if the frame is another image, as in Chromium, which ignores the
 * EXIF orientation there.
 */
async function imageFromExactColors(bitmap: Bitmap, image: Image): Promise<Image | null> {
  const { width, height } = bitmap;
  const data = new Uint8Array(4 * height * width);
  try {
    const frame = new VideoFrame(bitmap, { timestamp: 0 });
    await frame.copyTo(data, { format: 'RGBA' }).finally(() => frame.close());
  } catch {
    return null;
  }
  const exact = imageOnWhite({ height, width, data });
  const isSame = exact.pixels.length === image.pixels.length;
  return isSame && exact.pixels.every((value, at) => Math.abs(value - image.pixels[at]) <= 1) ? exact : null;
}

function checkBrowser(name: string): void {
  if (typeof OffscreenCanvas !== 'undefined') return;
  throw new DataError(`${name} needs a current browser. In Node, ImageLoader and decodeImage read image files`);
}
