import { checkNumber, fromHost, type Tensor, tensor, tidy, wholeNumbers } from '@mobinet/tensor';
import { normalizationTable } from './augment.js';
import { checkImage } from './check-image.js';
import type { Decoding } from './decode-pool.js';
import type { Unreadable } from './decode-worker.js';
import { drawExample } from './draw-example.js';
import { DataError } from './errors.js';
import type { ResolvedLoaderOptions } from './loader-options.js';
import { cutBatch } from './micro-batches.js';
import { ascending, shuffled } from './shuffled.js';
import { SkippedImages } from './skipped-images.js';
import { type Image, type ImageInput, type ImagePass, type ImageSource, isInMemory, nameOf } from './source.js';

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
}

/** A batch cut into micro-batches. The caller frees it. */
export interface CutBatch {
  readonly index: number;
  /** In order; null where all images of a micro-batch were skipped. */
  readonly parts: readonly (ImageBatch | null)[];
}

/** Decodes and scales images ahead of time. */
export interface ImageDecoder {
  /** Messages call the image `name`. */
  decode(image: ImageInput, name: string): Decoding;
  close(): Promise<void>;
}

/** Turns images into batches: what is common to the loaders of Node and of web pages. See `ImageLoader`. */
export class BatchLoader {
  readonly #source: ImageSource;
  readonly #options: ResolvedLoaderOptions;
  readonly #openDecoder: () => ImageDecoder;
  readonly #table: Float32Array;
  readonly #cache = new Map<number, Image>();
  readonly #skipped: SkippedImages;
  #cacheRoom: number;
  #decoder: ImageDecoder | null = null;
  #closed = false;

  constructor(source: ImageSource, options: ResolvedLoaderOptions, openDecoder: () => ImageDecoder) {
    this.#source = source;
    this.#options = options;
    this.#openDecoder = openDecoder;
    this.#table = normalizationTable(options.normalization);
    this.#cacheRoom = options.cacheBytes;
    this.#skipped = new SkippedImages(source, options);
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
    const pass = this.#pass(checkNumber('epoch', epoch, wholeNumbers(0)));
    const order = pass.order.subarray(0, this.batchesPerEpoch * batchSize);
    const ahead: Decoding[] = [];
    let next = startBatch * batchSize;
    try {
      for (let index = startBatch; index < this.batchesPerEpoch; index++) {
        const members = order.subarray(index * batchSize, (index + 1) * batchSize);
        for (const end = (index + 1) * batchSize + prefetch; next < Math.min(end, order.length); next++) {
          ahead.push(this.#fetch(pass, order[next]));
        }
        // Training may keep this thread busy for long, so let it handle messages, timers and signals once per batch.
        await nextTurn();
        const results = await Promise.all(ahead.splice(0, members.length).map(({ result }) => result));
        const parts = tidy(() =>
          cutBatch(members.length, { batchSize, microBatches }).map(([from, to]) =>
            this.#assemble(index, epoch, members.subarray(from, to), results.slice(from, to)),
          ),
        );
        if (parts.some((part) => part !== null)) yield { index, parts };
      }
    } finally {
      for (const { cancel } of ahead) cancel();
    }
  }

  /** Ends the decoding threads. They do not keep the program running, but they hold memory. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cache.clear();
    await this.#decoder?.close();
  }

  #pass(epoch: number): ImagePass {
    const { rng, shuffle } = this.#options;
    const source = this.#source;
    const shuffling = shuffle ? rng.split('order', epoch) : null;
    if (source.pass) return source.pass(shuffling);
    const image = (index: number) => source.image(index);
    return { order: shuffling ? shuffled(shuffling, source.length) : ascending(source.length), image };
  }

  #fetch(pass: ImagePass, index: number): Decoding {
    if (this.#closed) throw new DataError('the image loader is closed. Create a new one to read more images');
    const known = this.#skipped.reason(index) ?? this.#cache.get(index);
    if (known) return { result: Promise.resolve(known), cancel: () => {} };
    const image = pass.image(index);
    return image instanceof Promise ? this.#decodeLater(image, index) : this.#decode(image, index);
  }

  /** Decodes an image that is still being read. */
  #decodeLater(reading: Promise<ImageInput>, index: number): Decoding {
    let decoding: Decoding | null = null;
    let isCanceled = false;
    const result = reading.then((image) => {
      if (isCanceled) return { problem: 'canceled', isFileError: false };
      decoding = this.#decode(image, index);
      return decoding.result;
    });
    // Images are requested ahead of time, so a failure must not count as unhandled before its result is awaited.
    result.catch(() => {});
    const cancel = (): void => {
      isCanceled = true;
      decoding?.cancel();
    };
    return { result, cancel };
  }

  #decode(image: ImageInput, index: number): Decoding {
    const name = nameOf(this.#source, index);
    if (isInMemory(image)) checkImage(image, name);
    this.#decoder ??= this.#openDecoder();
    return this.#decoder.decode(image, name);
  }

  #assemble(
    batch: number,
    epoch: number,
    members: Int32Array,
    results: readonly (Image | Unreadable)[],
  ): ImageBatch | null {
    const { rng, size, augment } = this.#options;
    const examples: { index: number; image: Image }[] = [];
    results.forEach((result, i) => {
      if ('problem' in result) this.#skipped.add(members[i], result);
      else examples.push({ index: members[i], image: result });
    });
    if (examples.length === 0) return null;
    const images = fromHost('f32', [examples.length, size, size, 3], (values) => {
      examples.forEach(({ index, image }, i) => {
        this.#remember(index, image);
        const target = values.subarray(i * size * size * 3, (i + 1) * size * size * 3);
        drawExample(image, { size, augment, table: this.#table }, rng.split('augment', epoch, index), target);
      });
    });
    const labels = tensor(
      Int32Array.from(examples, ({ index }) => this.#source.label(index)),
      { dtype: 'i32' },
    );
    return { index: batch, images, labels, count: examples.length };
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

/** Waits until other pending work of this thread has had its turn. Web pages have no `setImmediate`. */
const nextTurn = (): Promise<void> =>
  new Promise((resolve) => {
    (globalThis.setImmediate ?? setTimeout)(resolve);
  });
