import { checkPixels, type Decoder, type Wanted } from './decoder.js';
import { DataError, messageOf } from './errors.js';
import { firstFrame, placeFrame } from './gif.js';
import { formatOf } from './image-format.js';
import { orient } from './orientation.js';
import type { Image } from './source.js';

/**
 * Decodes a picture: JPEG, PNG, GIF, WebP, AVIF or TIFF, and of several pictures in one file the first. The content decides
 * which it is, and its header tells its size before anything is unpacked.
 *
 * The pixels are those that Pillow gives after `ImageOps.exif_transpose` and `convert('RGB')`, but that what is transparent lies on
 * white: the picture is turned as the camera was held, gray becomes red, green and blue alike, of 16 bits the upper 8 are taken, no
 * colour profile is applied. In a browser, `imageFromRgba` and our page do the same.
 *
 * @param wanted.side A much larger picture may come smaller: see `Wanted`.
 * @param by Default: what `findDecoder` finds.
 * @throws Error saying what is wrong: no picture, of a format that is not supported, corrupt, or of more than `pixelLimit` pixels.
 * @throws DataError if there is no decoder.
 */
export async function decodeImage(bytes: Buffer, wanted: Wanted, by?: Decoder): Promise<Image> {
  const format = formatOf(bytes);
  const decoder = by ?? (await findDecoder());
  if (format === 'GIF') return decodeGif(bytes, wanted, decoder);
  const { image, orientation } = await decoder.decode(bytes, format, wanted);
  return orient(image, orientation);
}

async function decodeGif(bytes: Buffer, { pixelLimit, side }: Wanted, decoder: Decoder): Promise<Image> {
  const frame = firstFrame(bytes);
  checkPixels(frame.width, frame.height, pixelLimit);
  const wanted = { pixelLimit, ...(frame.fillsPicture && { side }) };
  const { image } = await decoder.decode(frame.gif, 'GIF', wanted);
  return frame.fillsPicture ? image : placeFrame(image, frame);
}

let found: Promise<Decoder> | null = null;

/**
 * The decoder that there is: sharp, else get-pixels. The environment variable `MOBINET_DECODER` may ask for one of them.
 * @throws DataError, one line, if there is none.
 */
export function findDecoder(): Promise<Decoder> {
  found ??= find();
  return found;
}

// What is not used is not loaded, either: a program that predicts one image would feel it.
const loaders = {
  sharp: async () => (await import('./decode-sharp.js')).loadSharp(),
  'get-pixels': async () => (await import('./decode-get-pixels.js')).loadGetPixels(),
};

async function find(): Promise<Decoder> {
  const asked = process.env.MOBINET_DECODER;
  const names = Object.keys(loaders) as (keyof typeof loaders)[];
  if (asked && !(asked in loaders)) {
    throw new DataError(`MOBINET_DECODER must be ${names.join(' or ')}, not ${asked}`);
  }
  const reasons: string[] = [];
  for (const name of asked ? [asked as keyof typeof loaders] : names) {
    try {
      return await loaders[name]();
    } catch (error) {
      reasons.push(`${name}: ${messageOf(error).split('\n')[0]}`);
    }
  }
  throw new DataError(
    `there is no decoder for pictures (${reasons.join('; ')}). Install one: npm install sharp, or, where that has no binary, npm install get-pixels`,
  );
}
