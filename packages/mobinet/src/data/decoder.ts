import type { ImageFormat } from './image-format.js';
import type { Image } from './source.js';

/** A library that decodes the bytes of an image file into pixels. */
export interface Decoder {
  /** Includes the version, since another version may decode to other bits. */
  readonly name: string;
  /** A message to show users once, or null. */
  readonly notice: string | null;
  /**
   * Decodes an image file of a known format.
   * @param bytes The contents of the file.
   * @param format The format of the file.
   * @returns The image as stored, not yet rotated.
   * @throws Error saying what is wrong: corrupt, a kind that this decoder does not support, or more than `pixelLimit`
   * pixels.
   */
  decode(bytes: Buffer, format: ImageFormat, options: DecodeOptions): Promise<StoredImage>;
}

/** Options for decoding an image. */
export interface DecodeOptions {
  /** Images with more pixels are refused. */
  readonly pixelLimit: number;
  /**
   * The shorter side that the image will be scaled to. An image that is much larger may already be returned at this
   * size, which is faster and nearly the same: see `reductionFor`.
   */
  readonly side?: number | undefined;
}

/** An image as stored in its file. */
export interface StoredImage {
  /** The pixels, u8 [height, width, 3]. */
  readonly image: Image;
  /** Its EXIF orientation: see `orient`. */
  readonly orientation: number | undefined;
}

/**
 * Checks the size of an image.
 * @throws Error if it has no pixels or too many.
 */
export function checkPixels(width: number, height: number, limit: number): void {
  if (!(width * height > 0)) throw new Error(`its size is ${width} × ${height}`);
  if (width * height > limit) throw new Error(`its ${width} × ${height} pixels exceed the limit of ${limit}`);
}
