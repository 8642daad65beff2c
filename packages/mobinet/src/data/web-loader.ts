import { BatchLoader } from './batch-loader.js';
import type { Decoding, ImageDecoder } from './decode-pool.js';
import type { Unreadable } from './decode-worker.js';
import { DataError, messageOf } from './errors.js';
import { type ImageLoaderOptions, type ResolvedLoaderOptions, resolveLoaderOptions } from './loader-options.js';
import { scaleImage } from './scale-image.js';
import { type Image, type ImageSource, isInMemory } from './source.js';

/**
 * Turns images in memory into batches, on a web page, with the same bits as the `ImageLoader` of Node. It scales images
 * on the thread that calls it, so `workers` has no effect. The source is made of arrays (`imagesFromArrays`), or any
 * object with a `length`, a `label(index)` and an `image(index)`, which may return a promise.
 *
 *     const source = imagesFromArrays({ height: 28, width: 28, pixels, labels });
 *     const loader = new ImageLoader(source, { batchSize: 64, size: 28, rng: Rng.fromSeed(0), shuffle: true });
 *     for await (const batch of loader.epoch(0)) { …; dispose(batch); }
 *
 * An epoch ends with a `DataError` for a path, a URL or an encoded image: decode these with the browser and
 * `imageFromRgba`.
 */
export class ImageLoader extends BatchLoader {
  /**
   * @param source The images and their labels.
   * @throws RangeError or TypeError, one line that names the option, if one is invalid.
   */
  constructor(source: ImageSource, options: ImageLoaderOptions) {
    const resolved = resolveLoaderOptions(options, 1);
    super(source, resolved, () => scaleInPlace(resolved));
  }
}

/** The scaled image, or why there is none, as from a decoding thread. */
function scaled(image: Image, options: ResolvedLoaderOptions): Image | Unreadable {
  try {
    return scaleImage(image, options);
  } catch (error) {
    return { problem: messageOf(error), isFileError: false };
  }
}

function scaleInPlace(options: ResolvedLoaderOptions): ImageDecoder {
  return {
    decode(image, name): Decoding {
      if (!isInMemory(image)) {
        throw new DataError(
          `${name} is not decoded. On a web page, a source must return { height, width, pixels }: see imageFromRgba`,
        );
      }
      return { result: Promise.resolve(scaled(image, options)), cancel: () => {} };
    },
    close: async () => {},
  };
}
