import { availableParallelism } from 'node:os';
import { BatchLoader } from './batch-loader.js';
import { findDecoder } from './decode.js';
import { DecodePool, type DecodePoolOptions, type ImageDecoder } from './decode-pool.js';
import { type ImageLoaderOptions, resolveLoaderOptions } from './loader-options.js';
import { type ImageSource, isInMemory } from './source.js';

export type { CutBatch, EpochOptions, ImageBatch } from './batch-loader.js';

/**
 * Turns images into batches. Threads decode ahead while the previous batch is being trained on.
 *
 * The source is a data set's (`openImageFolder`, `openShards`, `openIdx`), made of arrays (`imagesFromArrays`), or any
 * object with a `length`, a `label(index)` and an `image(index)`. On a web page, a loader of the same name takes images
 * in memory.
 *
 * The same generator gives the same batches, bit for bit, whatever the number of threads, whichever finishes first,
 * whatever is cached, and wherever an epoch is entered. An image that cannot be decoded is skipped, so its batch has
 * one fewer; that depends on the file alone and is just as reproducible. A file that cannot be read ends the epoch,
 * since it may be readable tomorrow.
 *
 * @example
 * ```ts
 * import { dispose, Rng } from '@mobinet/tensor';
 * import { ImageLoader, openImageFolder, randomCropAndFlip } from 'mobinet';
 *
 * const { train } = openImageFolder('examples/data/fashion-mnist-subset', { limit: 10 });
 * const rng = Rng.fromSeed(0);
 * const loader = new ImageLoader(train, { batchSize: 4, size: 32, rng, shuffle: true, augment: randomCropAndFlip });
 * for await (const batch of loader.epoch(0)) {
 *   console.log(`batch ${batch.index}: images [${batch.images.shape}], labels [${batch.labels.shape}]`);
 *   dispose(batch);
 * }
 * await loader.close();
 * // → batch 0: images [4,32,32,3], labels [4]
 * // → batch 1: images [4,32,32,3], labels [4]
 * // → batch 2: images [2,32,32,3], labels [2]
 * ```
 */
export class ImageLoader extends BatchLoader {
  /**
   * @param source The images and their labels.
   * @throws RangeError or TypeError, one line that names the option, if one is invalid.
   */
  constructor(source: ImageSource, options: ImageLoaderOptions) {
    const resolved = resolveLoaderOptions(options, defaultWorkers());
    const { threadsOf } = options;
    super(source, resolved, () => (threadsOf ? borrowed(threadsOf.decoder) : openThreads(resolved)));
  }
}

/** The default number of decoding threads: the number of processors − 1, between 1 and 8. */
export const defaultWorkers = (): number => Math.max(1, Math.min(8, availableParallelism() - 1));

/** A decoder that only its owner closes. */
const borrowed = (decoder: ImageDecoder): ImageDecoder => ({ ...decoder, close: async () => {} });

function openThreads(options: DecodePoolOptions & { readonly endsProgram: boolean }): ImageDecoder {
  const pool = new DecodePool({ ...options, onNotice });
  return {
    decode(image, name) {
      const decoding = pool.decode(image, name);
      if (isInMemory(image) || options.endsProgram) return decoding;
      // Loads the decoder on this thread, too. Otherwise it would have to be loaded again whenever the last decoding
      // thread has ended, and some decoders cannot be loaded twice.
      const result = findDecoder().then(() => decoding.result);
      result.catch(() => {});
      return { ...decoding, result };
    },
    close: () => pool.close(),
  };
}

/** Prints what there is to say about a decoder, once. */
function onNotice(notice: string): void {
  if (notices.has(notice)) return;
  notices.add(notice);
  console.warn(notice);
}

/** Notices of decoders that have been printed. */
const notices = new Set<string>();
