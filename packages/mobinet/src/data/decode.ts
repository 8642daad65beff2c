import { checkOptions, shown } from '@mobinet/tensor/functions';
import { environmentVariable } from '@mobinet/tensor/kernels';
import { checkPixels, type DecodeOptions, type Decoder } from './decoder.js';
import { DataError, messageOf } from './errors.js';
import { firstFrame, placeFrame } from './gif.js';
import { formatOf } from './image-format.js';
import { orient } from './orientation.js';
import type { Image } from './source.js';

/**
 * Decodes a JPEG, PNG, GIF, WebP, AVIF or TIFF; if the file holds several images, the first. The format is detected
 * from the content, and the size is read from the header before anything is unpacked.
 *
 * The pixels are those of Pillow after `ImageOps.exif_transpose` and `convert('RGB')`, except that transparency is
 * blended onto white: the image is rotated as its EXIF orientation says, gray is copied to red, green and blue, 16-bit
 * samples keep their upper 8 bits, and no color profile is applied. `imageFromRgba` and the demo page do the same.
 *
 * @param bytes The contents of an image file.
 * @param options.pixelLimit The most pixels that an image may have.
 * @param options.side A much larger image may already be scaled to it: see `DecodeOptions`.
 * @param chosen The decoder to use. Default: that of `findDecoder`.
 * @returns The image, u8 [height, width, 3].
 * @throws Error saying what is wrong: not an image, an unsupported format, corrupt, or more than `pixelLimit` pixels.
 * @throws DataError if there is no decoder.
 * @example
 * ```ts
 * import { decodeImage } from 'mobinet';
 *
 * // A GIF of a single red pixel. Usually, the bytes are those of a file: await readFile('cat.jpg').
 * const bytes = Buffer.from('R0lGODlhAQABAIAAAP8AAAAAACwAAAAAAQABAAACAkQBADs=', 'base64');
 * const { height, width, pixels } = await decodeImage(bytes, { pixelLimit: 100e6 });
 * console.log(`${height} × ${width}: ${pixels}`);
 * // → 1 × 1: 255,0,0
 * ```
 */
export async function decodeImage(bytes: Buffer, options: DecodeOptions, chosen?: Decoder): Promise<Image> {
  if (!((bytes as unknown) instanceof Uint8Array)) {
    throw new TypeError(`decodeImage: the file must be a Uint8Array, not ${shown(bytes)}`);
  }
  checkOptions('decodeImage', options, ['pixelLimit', 'side']);
  const format = formatOf(bytes);
  const decoder = chosen ?? (await findDecoder());
  if (format === 'GIF') return decodeGif(bytes, options, decoder);
  const { image, orientation } = await decoder.decode(bytes, format, options);
  return orient(image, orientation);
}

async function decodeGif(bytes: Buffer, { pixelLimit, side }: DecodeOptions, decoder: Decoder): Promise<Image> {
  const frame = firstFrame(bytes);
  checkPixels(frame.width, frame.height, pixelLimit);
  // A frame that covers only part of the picture must keep its size.
  const options = { pixelLimit, ...(frame.fillsPicture && { side }) };
  const { image } = await decoder.decode(frame.gif, 'GIF', options);
  return frame.fillsPicture ? image : placeFrame(image, frame);
}

let found: Promise<Decoder> | null = null;

/**
 * Loads the available decoder: sharp, or else get-pixels. The environment variable `MOBINET_DECODER` selects one. The
 * decoder is loaded once.
 *
 * @throws DataError, one line, if none can be loaded.
 * @example
 * ```ts
 * import { findDecoder } from 'mobinet';
 *
 * const { name } = await findDecoder(); // such as sharp 0.35.5 (libvips 8.18.3, reduction 2)
 * console.log(/^(sharp|get-pixels) /.test(name));
 * // → true
 * ```
 */
export function findDecoder(): Promise<Decoder> {
  found ??= find();
  return found;
}

// Only the decoder in use is loaded, which matters to a program that predicts a single image.
const loaders = {
  sharp: async () => (await import('./decode-sharp.js')).loadSharp(),
  'get-pixels': async () => (await import('./decode-get-pixels.js')).loadGetPixels(),
};

async function find(): Promise<Decoder> {
  const requested = environmentVariable('MOBINET_DECODER');
  const names = Object.keys(loaders) as (keyof typeof loaders)[];
  if (requested && !(requested in loaders)) {
    throw new DataError(`MOBINET_DECODER must be ${names.join(' or ')}, not ${requested}`);
  }
  const reasons: string[] = [];
  for (const name of requested ? [requested as keyof typeof loaders] : names) {
    try {
      return await loaders[name]();
    } catch (error) {
      reasons.push(`${name}: ${messageOf(error).split('\n')[0]}`);
    }
  }
  throw new DataError(
    `no image decoder could be loaded (${reasons.join('; ')}). Install one: npm install sharp, or npm install get-pixels where sharp has no binary`,
  );
}
