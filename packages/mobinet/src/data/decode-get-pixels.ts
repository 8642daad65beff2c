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
 * Loads get-pixels, the decoder in JavaScript for platforms where sharp has no binary. It decodes JPEG, PNG and GIF and
 * takes several times as long as sharp. Files that it would decode to wrong colors, or never finish, are refused here.
 *
 * @throws Error if it cannot be loaded.
 */
export async function loadGetPixels(): Promise<Decoder> {
  const { default: decode } = await import('get-pixels');
  if (!isMainThread) rejectOnUncaughtException();
  return {
    name: `get-pixels ${createRequire(import.meta.url)('get-pixels/package.json').version}`,
    notice:
      'decoding images with get-pixels, which is several times slower than sharp and reads only JPEG, PNG and GIF. To use sharp: npm install sharp',
    async decode(bytes, format, { pixelLimit }) {
      const readOrientation = orientationReaders[format];
      if (!readOrientation) throw new Error(`the format ${format} ${needsSharp}`);
      const orientation = readOrientation(bytes);
      checkSize(bytes, Math.min(pixelLimit, maxPixels));
      const pixels = await unpack(decode, bytes, `image/${format.toLowerCase()}`);
      return { image: imageOnWhite(toSamples(pixels)), orientation };
    },
  };
}

/** JavaScript takes about 5 seconds to decode a JPEG of this many pixels. */
const maxPixels = 16e6;

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
 * Readers of the EXIF orientation for the formats that get-pixels decodes. They throw an error if get-pixels would
 * decode the image to wrong colors.
 */
const orientationReaders: Partial<Record<ImageFormat, (bytes: Buffer) => number | undefined>> = {
  JPEG: orientationOfJpeg,
  PNG: (bytes) => orientationOf(pngHeader(bytes).exif),
  GIF: () => undefined,
};

/**
 * Reads the orientation of a JPEG. Refuses CMYK, and also RGB, which get-pixels would take for YCbCr. The color space
 * is detected as in libjpeg (jdapimin.c).
 */
function orientationOfJpeg(bytes: Buffer): number | undefined {
  const header = jpegHeader(bytes);
  checkJpeg(header);
  const { components, isJfif, adobeTransform, exif } = header;
  const saysRgb = adobeTransform === null ? String.fromCharCode(...components) === 'RGB' : adobeTransform === 0;
  const colors = components.length === 4 ? 'CMYK' : components.length === 3 && saysRgb && !isJfif ? 'RGB' : null;
  if (colors) throw new Error(`a JPEG stored as ${colors} ${needsSharp}`);
  return orientationOf(exif);
}

const orientationOf = (exif: Buffer | null): number | undefined => (exif ? tiffTags(exif).orientation : undefined);

const needsSharp = 'can only be decoded by sharp. Run npm install sharp, or convert the image to PNG';

/** Rejects the decoding that an asynchronous call belongs to. */
const rejection = new AsyncLocalStorage<(error: unknown) => void>();

/** Calls get-pixels and returns a promise. Anything it does after its first callback is ignored. */
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
 * Makes an uncaught exception fail the decoding that caused it instead of the thread: the PNG decoder throws from
 * events of its streams, sometimes after it has called back. Only for threads that do nothing but decode.
 */
function rejectOnUncaughtException(): void {
  process.on('uncaughtException', (error) => {
    const reject = rejection.getStore();
    if (reject === undefined) throw error;
    reject(error);
  });
  // The GIF decoder reports damaged data here and nowhere else.
  console.log = (message: unknown) => {
    throw new Error(String(message));
  };
}

/** Copies pixels of any strides to RGBA rows from the top. */
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
