import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import type getPixels from 'get-pixels';
import type { Pixels } from 'get-pixels';
import { imageSize } from 'image-size';
import { checkPixels, type Decoder } from './decoder.js';
import { messageOf } from './errors.js';
import type { ImageFormat } from './image-format.js';
import { checkJpeg, jpegHeader } from './jpeg-header.js';
import { pngHeader } from './png-header.js';
import { imageOnWhite, type Samples } from './rgb.js';
import { tiffTags } from './tiff-tags.js';

/**
 * The decoder where sharp has no binary: get-pixels, which is JavaScript. It decodes JPEG, PNG and GIF, takes several times as long,
 * and is told more about here: what it would decode to wrong colours, or not come to an end with, never reaches it.
 *
 * @throws Error if it cannot be loaded.
 */
export async function loadGetPixels(): Promise<Decoder> {
  const { default: decode } = await import('get-pixels');
  if (!isMainThread) surviveDecoders();
  return {
    name: `get-pixels ${createRequire(import.meta.url)('get-pixels/package.json').version}`,
    notice:
      'pictures are decoded by get-pixels, which takes several times as long as sharp and knows only JPEG, PNG and GIF. To change that: npm install sharp',
    async decode(bytes, format, { pixelLimit }) {
      const orientation = orientations[format];
      if (!orientation) throw new Error(`a picture of format ${format} ${onlySharp}`);
      const turn = orientation(bytes);
      checkSize(bytes, Math.min(pixelLimit, mostPixels));
      const pixels = await unpack(decode, bytes, `image/${format.toLowerCase()}`);
      return { image: imageOnWhite(toSamples(pixels)), orientation: turn };
    },
  };
}

/** JavaScript takes some 5 seconds for so many pixels of a JPEG. */
const mostPixels = 16e6;

function checkSize(bytes: Buffer, limit: number): void {
  let size: { readonly width: number; readonly height: number };
  try {
    size = imageSize(bytes);
  } catch (error) {
    throw new Error(`its header is corrupt (${messageOf(error)})`, { cause: error });
  }
  checkPixels(size.width, size.height, limit);
}

/**
 * How a picture of each format is to be turned, as far as that is told.
 * @throws Error if the decoder would get it wrong.
 */
const orientations: Partial<Record<ImageFormat, (bytes: Buffer) => number | undefined>> = {
  JPEG: orientationOfJpeg,
  PNG: (bytes) => orientationOf(pngHeader(bytes).exif),
  GIF: () => undefined,
};

/** The JPEG decoder takes all pictures of three components for YCbCr. Which are, libjpeg (jdapimin.c) knows by the same signs as here. */
function orientationOfJpeg(bytes: Buffer): number | undefined {
  const header = jpegHeader(bytes);
  checkJpeg(header);
  const { components, isJfif, adobeTransform, exif } = header;
  const saysRgb = adobeTransform === null ? String.fromCharCode(...components) === 'RGB' : adobeTransform === 0;
  const colours =
    components.length === 4 ? 'inks (CMYK)' : components.length === 3 && saysRgb && !isJfif ? 'RGB' : null;
  if (colours) throw new Error(`a JPEG whose colours are stored as ${colours} ${onlySharp}`);
  return orientationOf(exif);
}

const orientationOf = (exif: Buffer | null): number | undefined => (exif ? tiffTags(exif).orientation : undefined);

const onlySharp = 'is decoded by sharp only: npm install sharp, or convert it to PNG';

/** Rejects the decoding that an asynchronous call belongs to. */
const rejection = new AsyncLocalStorage<(error: unknown) => void>();

/** get-pixels as a promise. What it does after its first answer is ignored. */
function unpack(decode: typeof getPixels, bytes: Buffer, mimeType: string): Promise<Pixels> {
  return new Promise((resolve, reject) => {
    rejection.run(reject, () => {
      try {
        decode(bytes, mimeType, (error, pixels) => (error ? reject(error) : resolve(pixels)));
      } catch (error) {
        reject(error);
      }
    });
  });
}

/**
 * Lets an exception that nobody caught fail the decoding that caused it, instead of the thread: the PNG decoder
 * throws from the events of its streams, some of them after it has called back. For threads that only decode.
 */
function surviveDecoders(): void {
  process.on('uncaughtException', (error) => {
    const reject = rejection.getStore();
    if (reject === undefined) throw error;
    reject(error);
  });
  // The GIF decoder complains of damaged data here and nowhere else.
  console.log = (complaint: unknown) => {
    throw new Error(String(complaint));
  };
}

/** Pixels as rows from the top, whatever way they lie. */
function toSamples({ data, shape, stride, offset }: Pixels): Samples {
  const [width, height] = shape.slice(-3);
  const [columnStride, rowStride, channelStride] = stride.slice(-3);
  const rows = new Uint8Array(4 * height * width);
  let at = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const from = offset + row * rowStride + column * columnStride;
      for (let channel = 0; channel < 4; channel++) rows[at++] = data[from + channel * channelStride];
    }
  }
  return { height, width, data: rows };
}
