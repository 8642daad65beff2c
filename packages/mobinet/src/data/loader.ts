import { setImmediate as nextTurn } from 'node:timers/promises';
import { checkNumber, fromHost, type Tensor, tensor, tidy, wholeNumbers, withBackend } from '@mobinet/tensor';
import { normalizationTable } from './augment.js';
import { checkImage } from './check-image.js';
import { findDecoder } from './decode.js';
import { DecodePool, type Decoding } from './decode-pool.js';
import type { Unreadable } from './decode-worker.js';
import { drawExample } from './draw-example.js';
import { DataError } from './errors.js';
import { type ImageLoaderOptions, type ResolvedLoaderOptions, resolveLoaderOptions } from './loader-options.js';
import { cutBatch } from './micro-batches.js';
import { drawShare, type Mixup, mixWithNext } from './mixup.js';
import { SkippedImages } from './skipped-images.js';
import { type Image, type ImageSource, isInMemory } from './source.js';

/** Options of one pass over the images. */
export interface EpochOptions {
  /** The batch to start at; earlier ones are not decoded. Default: 0. */
  readonly startBatch?: number;
}

/** A batch of examples. The caller frees it with `dispose(batch)`. */
export interface ImageBatch {
  /** Its index in the epoch; `startBatch: index + 1` resumes after it. */
  readonly index: number;
  /** f32 [count, size, size, 3], normalized. */
  readonly images: Tensor;
  /** i32 [count] */
  readonly labels: Tensor<'i32'>;
  /** `batchSize`, or fewer at the end of the epoch, minus one for every skipped image. */
  readonly count: number;
  /** How the examples were mixed. Missing without the loader's `mixup`. */
  readonly mixup?: Mixup;
}

/** An image that was read, and its index in the source. */
interface ReadImage {
  readonly index: number;
  readonly image: Image;
}

/** What a micro-batch is assembled from. */
interface PartOfBatch {
  /** The index of the batch in its epoch. */
  readonly index: number;
  readonly epoch: number;
  readonly images: readonly ReadImage[];
  /** The image after the last, which mixup mixes with it. */
  readonly after: ReadImage;
}

/** A batch cut into micro-batches. The caller frees it. */
export interface CutBatch {
  readonly index: number;
  /** In order; null where all images of a micro-batch were skipped. */
  readonly parts: readonly (ImageBatch | null)[];
}

/**
 * Turns images into batches. Threads decode ahead while the previous batch is being trained on.
 *
 *     const options = { batchSize: 64, size: 224, rng, shuffle: true, augment: randomCropAndFlip };
 *     const loader = new ImageLoader(folder.train, options);
 *     for await (const batch of loader.epoch(0)) { …; dispose(batch); }
 *     await loader.close();
 *
 * The same generator gives the same batches, bit for bit, whatever the number of threads, whichever finishes first,
 * whatever is cached, and wherever an epoch is entered. An image that cannot be decoded is skipped, so its batch has
 * one fewer; that depends on the file alone and is just as reproducible. A file that cannot be read ends the epoch,
 * since it may be readable tomorrow.
 */
export class ImageLoader {
  readonly #source: ImageSource;
  readonly #options: ResolvedLoaderOptions;
  readonly #table: Float32Array;
  readonly #cache = new Map<number, Image>();
  readonly #skipped: SkippedImages;
  #cacheRoom: number;
  #pool: DecodePool | null = null;
  #closed = false;
  #readsFiles = false;

  constructor(source: ImageSource, options: ImageLoaderOptions) {
    this.#source = source;
    this.#options = resolveLoaderOptions(options);
    this.#table = normalizationTable(this.#options.normalization);
    this.#cacheRoom = this.#options.cacheBytes;
    this.#skipped = new SkippedImages(source, this.#options);
  }

  /** The number of batches in an epoch. */
  get batchesPerEpoch(): number {
    const { batchSize, dropLast } = this.#options;
    return dropLast ? Math.floor(this.#source.length / batchSize) : Math.ceil(this.#source.length / batchSize);
  }

  /** How many images have been skipped so far because they could not be decoded. */
  get skipped(): number {
    return this.#skipped.size;
  }

  /**
   * Yields the batches of an epoch in order. Leaving the loop stops decoding ahead. A batch is left out if all of its
   * images are skipped.
   *
   * @throws DataError if a file cannot be read, if too many images or all images of a class cannot be decoded, if a
   * decoding thread crashes, or if the loader is closed.
   */
  async *epoch(epoch: number, options: EpochOptions = {}): AsyncGenerator<ImageBatch, void, void> {
    for await (const { parts } of this.#batches(epoch, 1, options)) yield parts[0]!;
  }

  /**
   * Like `epoch`, but cuts each batch into micro-batches (`cutBatch`). The cuts depend only on the positions of the
   * images in the epoch, not on which of them are skipped.
   */
  microBatches(epoch: number, options: EpochOptions = {}): AsyncGenerator<CutBatch, void, void> {
    return this.#batches(epoch, this.#options.microBatches, options);
  }

  async *#batches(epoch: number, microBatches: number, options: EpochOptions): AsyncGenerator<CutBatch, void, void> {
    const { batchSize, prefetch } = this.#options;
    const startBatch = checkNumber('startBatch', options.startBatch ?? 0, wholeNumbers(0));
    const order = this.#order(checkNumber('epoch', epoch, wholeNumbers(0))).subarray(
      0,
      this.batchesPerEpoch * batchSize,
    );
    const ahead: Decoding[] = [];
    let next = startBatch * batchSize;
    try {
      for (let index = startBatch; index < this.batchesPerEpoch; index++) {
        const members = order.subarray(index * batchSize, (index + 1) * batchSize);
        for (const end = (index + 1) * batchSize + prefetch; next < Math.min(end, order.length); next++) {
          ahead.push(this.#fetch(order[next]));
        }
        if (this.#readsFiles) await this.#findDecoder();
        // Training may keep this thread busy for long, so let it handle messages, timers and signals once per batch.
        await nextTurn();
        const results = await Promise.all(ahead.splice(0, members.length).map(({ result }) => result));
        const read = this.#withoutSkipped(members, results);
        const parts = tidy(() =>
          cutBatch(members.length, { batchSize, microBatches }).map(([from, to]) => {
            // The image to mix with the last one: the first of the next micro-batch, or of the first one.
            const after = read
              .slice(to)
              .concat(read)
              .find((image) => image !== null)!;
            const images = read.slice(from, to).filter((image) => image !== null);
            return images.length === 0 ? null : this.#assemble({ index, epoch, images, after });
          }),
        );
        if (parts.some((part) => part !== null)) yield { index, parts };
      }
    } finally {
      for (const { cancel } of ahead) cancel();
    }
  }

  /**
   * Loads the decoder on this thread, too. Otherwise it would have to be loaded again whenever the last decoding thread
   * has ended, and some decoders cannot be loaded twice.
   */
  async #findDecoder(): Promise<void> {
    const { notice } = await findDecoder();
    if (notice === null || notices.has(notice)) return;
    notices.add(notice);
    console.warn(notice);
  }

  /** Ends the decoding threads. They do not keep the program running, but they hold memory. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cache.clear();
    await this.#pool?.close();
  }

  #order(epoch: number): Int32Array {
    const { rng, shuffle } = this.#options;
    if (!shuffle) return Int32Array.from({ length: this.#source.length }, (_, index) => index);
    const permutation = withBackend('cpu', () => rng.split('order', epoch).permutation(this.#source.length));
    const order = permutation.values.slice();
    permutation.dispose();
    return order;
  }

  #fetch(index: number): Decoding {
    if (this.#closed) throw new DataError('the image loader is closed. Create a new one to read more images');
    const known = this.#skipped.reason(index) ?? this.#cache.get(index);
    if (known) return { result: Promise.resolve(known), cancel: () => {} };
    const image = this.#source.image(index);
    if (isInMemory(image)) checkImage(image, this.#source.name(index));
    else this.#readsFiles = true;
    this.#pool ??= new DecodePool(this.#options);
    return this.#pool.decode(image, this.#source.name(index));
  }

  /** Null where an image has to be skipped, which is reported. */
  #withoutSkipped(members: Int32Array, results: readonly (Image | Unreadable)[]): (ReadImage | null)[] {
    return results.map((result, i) => {
      if (!('problem' in result)) return { index: members[i], image: result };
      this.#skipped.add(members[i], result);
      return null;
    });
  }

  #assemble({ index, epoch, images: read, after }: PartOfBatch): ImageBatch {
    const { rng, size, augment, mixup } = this.#options;
    const elements = size * size * 3;
    const share = mixup > 0 ? drawShare(mixup, rng.split('mixup', epoch, index)) : 1;
    const draw = ({ index, image }: ReadImage, target: Float32Array): void => {
      drawExample(image, { size, augment, table: this.#table }, rng.split('augment', epoch, index), target);
    };
    const images = fromHost('f32', [read.length, size, size, 3], (values) => {
      read.forEach((each, i) => {
        this.#remember(each.index, each.image);
        draw(each, values.subarray(i * elements, (i + 1) * elements));
      });
      if (mixup === 0) return;
      const last = new Float32Array(elements);
      draw(after, last);
      mixWithNext(values, last, share);
    });
    const labelsOf = (images: readonly ReadImage[]): Tensor<'i32'> =>
      tensor(
        Int32Array.from(images, ({ index }) => this.#source.label(index)),
        { dtype: 'i32' },
      );
    const batch = { index, images, labels: labelsOf(read), count: read.length };
    return mixup === 0 ? batch : { ...batch, mixup: { share, labels: labelsOf([...read.slice(1), after]) } };
  }

  /**
   * Caches images while there is room and never evicts one: in a random order, any fixed subset is as good as another.
   */
  #remember(index: number, image: Image): void {
    if (this.#cache.has(index) || image.pixels.byteLength > this.#cacheRoom) return;
    this.#cache.set(index, image);
    this.#cacheRoom -= image.pixels.byteLength;
  }
}

/** Notices of decoders that have been printed. */
const notices = new Set<string>();
