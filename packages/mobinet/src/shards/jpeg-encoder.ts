import { DataError, messageOf } from '../data/errors.js';
import type { Image } from '../data/source.js';

/** Encodes images as JPEG. */
export interface JpegEncoder {
  /** Includes the version, since another version may encode to other bytes. */
  readonly name: string;
  encode(image: Image, quality: number): Promise<Buffer>;
}

/**
 * Loads sharp, which encodes on threads of its own.
 * @throws DataError if it is not installed.
 */
export async function loadJpegEncoder(): Promise<JpegEncoder> {
  const { default: sharp } = await import('sharp').catch((error: unknown) => {
    const [reason] = messageOf(error).split('\n');
    throw new DataError(
      `images are packed by sharp, which cannot be loaded (${reason}). Install it: npm install sharp`,
      {
        cause: error,
      },
    );
  });
  return {
    name: `sharp ${sharp.versions.sharp} (libvips ${sharp.versions.vips})`,
    encode: ({ height, width, pixels }, quality) =>
      sharp(pixels, { raw: { height, width, channels: 3 } })
        .jpeg({ quality })
        .toBuffer(),
  };
}
