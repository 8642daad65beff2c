import { checkImage } from '../data/check-image.js';
import { DecodePool } from '../data/decode-pool.js';
import type { Unreadable } from '../data/decode-worker.js';
import { type ImageSource, isInMemory, nameOf } from '../data/source.js';
import type { JpegEncoder } from './jpeg-encoder.js';

/** How images are read and encoded. */
export interface EncodingOptions {
  readonly encoder: JpegEncoder;
  /** The shorter side that images are scaled to. */
  readonly resize: number;
  readonly quality: number;
  readonly workers: number;
  readonly onWarning: (message: string) => void;
}

/** An image as a JPEG, or why there is none. */
export interface EncodeResult {
  /** Its index in the source. */
  readonly index: number;
  readonly result: Buffer | Unreadable;
}

/**
 * Reads, scales and encodes images, in order. The threads work a few images ahead; leaving the loop stops them.
 * @param order The indices of the images.
 */
export async function* encodeImages(
  source: ImageSource,
  order: Int32Array,
  { encoder, resize, quality, workers, onWarning }: EncodingOptions,
): AsyncGenerator<EncodeResult, void, void> {
  const pool = new DecodePool({ workers, side: resize, exactSize: false, pixelLimit: 100e6, cpuLimit: 60, onWarning });
  const encode = async (index: number): Promise<Buffer | Unreadable> => {
    const name = nameOf(source, index);
    const input = await source.image(index);
    if (isInMemory(input)) checkImage(input, name);
    const { result } = pool.decode(input, name);
    const image = await result;
    return 'problem' in image ? image : encoder.encode(image, quality);
  };
  const ahead: Promise<Buffer | Unreadable>[] = [];
  try {
    for (let next = 0; next < order.length; ) {
      while (ahead.length < 4 * workers && next + ahead.length < order.length) {
        const encoding = encode(order[next + ahead.length]);
        // A failure must not count as unhandled before its result is awaited.
        encoding.catch(() => {});
        ahead.push(encoding);
      }
      const result = await ahead.shift()!;
      yield { index: order[next++], result };
    }
  } finally {
    await pool.close();
  }
}
