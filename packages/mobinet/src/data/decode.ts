import { AsyncLocalStorage } from 'node:async_hooks';
import getPixels, { type Pixels } from 'get-pixels';
import { imageSize } from 'image-size';
import { messageOf } from './errors.js';
import { firstFrame } from './gif.js';
import type { Image } from './source.js';

const formats = [
  { mimeType: 'image/jpeg', magic: Buffer.of(0xff, 0xd8, 0xff) },
  { mimeType: 'image/png', magic: Buffer.from('\x89PNG\r\n\x1a\n', 'latin1') },
  { mimeType: 'image/gif', magic: Buffer.from('GIF8', 'latin1') },
] as const;

/**
 * Decodes a JPEG, PNG or GIF (its first frame). The content decides which it is, and its header tells its size
 * before anything is unpacked.
 *
 * As in PyTorch's image folders (Pillow's `convert('RGB')`), gray becomes red, green and blue alike, 16-bit samples
 * are rounded to 8, alpha is dropped and not blended, and the orientation that a camera noted is left alone. Pixels
 * that a GIF or a PNG's colour key marks as transparent have no colour of their own here: they are black.
 *
 * @throws Error saying what is wrong: not an image, corrupt, or of more than `pixelLimit` pixels.
 */
export async function decodeImage(bytes: Buffer, pixelLimit: number): Promise<Image> {
  if (bytes.length === 0) throw new Error('it is empty');
  const mimeType = formats.find(({ magic }) => bytes.subarray(0, magic.length).equals(magic))?.mimeType;
  if (mimeType === undefined) throw new Error('it is not a JPEG, PNG or GIF');
  checkSize(bytes, pixelLimit);
  return toRgb(await unpack(mimeType === 'image/gif' ? firstFrame(bytes) : bytes, mimeType));
}

function checkSize(bytes: Buffer, pixelLimit: number): void {
  let size: { width: number; height: number };
  try {
    size = imageSize(bytes);
  } catch (error) {
    throw new Error(`its header is corrupt (${messageOf(error)})`, { cause: error });
  }
  const { width, height } = size;
  if (width * height === 0) throw new Error(`its size is ${width} × ${height}`);
  if (width * height > pixelLimit) throw new Error(`its ${width} × ${height} pixels are more than ${pixelLimit}`);
}

/** Rejects the decoding that an asynchronous call belongs to. */
const rejection = new AsyncLocalStorage<(error: unknown) => void>();

/** getPixels as a promise. What it does after its first answer is ignored. */
function unpack(bytes: Buffer, mimeType: string): Promise<Pixels> {
  return new Promise((resolve, reject) => {
    rejection.run(reject, () => {
      try {
        getPixels(bytes, mimeType, (error, pixels) => (error ? reject(error) : resolve(pixels)));
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
export function surviveDecoders(): void {
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

function toRgb({ data, shape, stride, offset }: Pixels): Image {
  const [width, height] = shape.slice(-3);
  const [columnStride, rowStride, channelStride] = stride.slice(-3);
  const pixels = new Uint8Array(height * width * 3);
  let at = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at += 3) {
      const from = offset + row * rowStride + column * columnStride;
      pixels[at] = data[from];
      pixels[at + 1] = data[from + channelStride];
      pixels[at + 2] = data[from + 2 * channelStride];
    }
  }
  return { height, width, pixels };
}
