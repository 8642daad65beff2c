import { checkNumber, fromHost, type Tensor, tensor, tidy, wholeNumbers } from '@mobinet/tensor/functions';
import { checkArgument, checkKinds, kinds } from './arguments.js';
import { normalizationTable } from './augment.js';
import { checkImage } from './check-image.js';
import type { Decoding, ImageDecoder } from './decode-pool.js';
import type { Unreadable } from './decode-worker.js';
import { drawExample } from './draw-example.js';
import { DataError } from './errors.js';
import type { ResolvedLoaderOptions } from './loader-options.js';
import { cutBatch, piecesOf, type Share } from './micro-batches.js';
import { drawShare, type Mixup, mixWithNext } from './mixup.js';
import { ascending, shuffled } from './shuffled.js';
import { type SkippedImage, SkippedImages } from './skipped-images.js';
import { type Image, type ImageInput, type ImagePass, type ImageSource, isInMemory, nameOf } from './source.js';

/** Options of one pass over the images. */
export interface EpochOptions {
  /** The batch to start at; earlier ones are not decoded. Default: 0. */
  readonly startBatch?: number;
  /** The batch to stop before. Default: the number of batches. */
  readonly endBatch?: number;
  /** @internal For `microBatches`: read only the micro-batches of one of several processes. Default: all. */
  readonly share?: Share;
}

/** A batch of examples. The caller frees it with `dispose(batch)`. */
export interface ImageBatch {
  /** Its index in the epoch; `startBatch: index + 1` resumes after it. */
  readonly index: number;
  /** f32 [count, size, size, 3], normalized. */
  readonly images: Tensor;
  /** i32 [count] */
  readonly labels: Tensor<'i32'>;
  /** [count] The indices of its images in their source. */
  readonly indices: Int32Array;
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

/** Which images of a batch are read. */
interface BatchPlan {
  /** The indices of all its images in their source. */
  readonly members: Int32Array;
  /** The half-open ranges of members in the micro-batches of the own share. */
  readonly pieces: readonly (readonly [from: number, to: number])[];
  /** The range of members in the own share. */
  readonly from: number;
  readonly to: number;
}

/** A batch cut into micro-batches. The caller frees it. */
export interface CutBatch {
  /** Its index in the epoch. */
  readonly index: number;
  /** In order, those of the own share; null where all images of a micro-batch were skipped. */
  readonly parts: readonly (ImageBatch | null)[];
}

/** Turns images into batches: what is common to the loaders of Node and of web pages. See `ImageLoader`. */
export class BatchLoader {
  readonly #source: ImageSource;
  readonly #options: ResolvedLoaderOptions;
  readonly #openDecoder: () => ImageDecoder;
  readonly #table: Float32Array;
  readonly #cache = new Map<number, Image>();
  readonly #skipped: SkippedImages;
  readonly #skippedLater: SkippedImage[] = [];
  #cacheRoom: number;
  #decoder: ImageDecoder | null = null;
  #closed = false;

  /**
   * @param source The images and their labels.
   * @param options The checked options, with their defaults.
   * @param openDecoder Makes the decoder when the first image is needed.
   */
  constructor(source: ImageSource, options: ResolvedLoaderOptions, openDecoder: () => ImageDecoder) {
    checkArgument('the images', source, kinds.source);
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
   * @param epoch The epoch, counted from 0, which determines order and augmentation.
   * @throws DataError if a file cannot be read, if too many images or all images of a class cannot be decoded, if a
   * decoding thread crashes, or if the loader is closed.
   */
  async *epoch(epoch: number, options: EpochOptions = {}): AsyncGenerator<ImageBatch, void, void> {
    for await (const { parts } of this.#batches(epoch, 1, options)) {
      if (parts[0]) yield parts[0];
    }
  }

  /**
   * Like `epoch`, but cuts each batch into micro-batches (`cutBatch`), and leaves none out. The cuts depend only on the
   * positions of the images in the epoch, not on which of them are skipped.
   *
   * @param epoch The epoch, counted from 0.
   */
  microBatches(epoch: number, options: EpochOptions = {}): AsyncGenerator<CutBatch, void, void> {
    return this.#batches(epoch, this.#options.microBatches, options);
  }

  async *#batches(epoch: number, microBatches: number, options: EpochOptions): AsyncGenerator<CutBatch, void, void> {
    checkKinds('an epoch', options, { startBatch: null, endBatch: null, share: null });
    const { batchSize, prefetch } = this.#options;
    const { share = { rank: 0, size: 1 } } = options;
    const startBatch = checkNumber('startBatch', options.startBatch ?? 0, wholeNumbers(0));
    const end = checkNumber('endBatch', options.endBatch ?? this.batchesPerEpoch, wholeNumbers(0));
    const endBatch = Math.min(end, this.batchesPerEpoch);
    const pass = this.#pass(checkNumber('epoch', epoch, wholeNumbers(0)));
    const plan = (index: number): BatchPlan => {
      const members = pass.order.subarray(index * batchSize, (index + 1) * batchSize);
      const pieces = piecesOf(cutBatch(members.length, { batchSize, microBatches }), microBatches, share);
      return { members, pieces, from: pieces[0]?.[0] ?? 0, to: pieces.at(-1)?.[1] ?? 0 };
    };
    const wanted = (function* () {
      for (let index = startBatch; index < endBatch; index++) {
        const { members, from, to } = plan(index);
        yield* members.subarray(from, to);
      }
    })();
    const ahead: Decoding[] = [];
    try {
      for (let index = startBatch; index < endBatch; index++) {
        const { members, pieces, from, to } = plan(index);
        while (ahead.length < to - from + prefetch / share.size) {
          const { value, done } = wanted.next();
          if (done) break;
          ahead.push(this.#fetch(pass, value));
        }
        // Training may keep this thread busy for long, so let it handle messages, timers and signals once per batch.
        await nextTurn();
        const results = await Promise.all(ahead.splice(0, to - from).map(({ result }) => result));
        const read = this.#withoutSkipped(members.subarray(from, to), results);
        const beyond = await this.#firstAfter(pass, { members, from, to, read });
        const parts = tidy(() =>
          pieces.map(([start, end]) => {
            const images = read.slice(start - from, end - from).filter((image) => image !== null);
            const after = read.slice(end - from).find((image) => image !== null) ?? beyond;
            return images.length === 0 ? null : this.#assemble({ index, epoch, images, after: after! });
          }),
        );
        yield { index, parts };
      }
    } finally {
      for (const { cancel } of ahead) cancel();
    }
  }

  /**
   * The image that mixup mixes with the last one of the own share of a batch: the first readable one after the share, or
   * if there is none, from the start of the batch. Another process may report that an image on the way cannot be read.
   */
  async #firstAfter(
    pass: ImagePass,
    { members, from, to, read }: Omit<BatchPlan, 'pieces'> & { readonly read: readonly (ReadImage | null)[] },
  ): Promise<ReadImage | null> {
    if (this.#options.mixup === 0 || read.every((image) => image === null)) return null;
    for (let step = 0; step < members.length; step++) {
      const place = (to + step) % members.length;
      if (place >= from && place < to) {
        const own = read[place - from];
        if (own) return own;
      } else {
        const result = await this.#fetch(pass, members[place]).result;
        if (!('problem' in result)) return { index: members[place], image: result };
      }
    }
    return null;
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
    return this.decoder.decode(image, name);
  }

  /** @internal What decodes its images, until it is closed. Made when it is first needed. */
  get decoder(): ImageDecoder {
    this.#decoder ??= this.#openDecoder();
    return this.#decoder;
  }

  /** Null where an image has to be skipped, which is reported. */
  #withoutSkipped(members: Int32Array, results: readonly (Image | Unreadable)[]): (ReadImage | null)[] {
    return results.map((result, i) => {
      const index = members[i];
      if (!('problem' in result)) return { index, image: result };
      if (this.#options.skipsLater) this.#skippedLater.push({ index, reason: result });
      else this.#skipped.add(index, result);
      return null;
    });
  }

  /** @internal The images that were skipped since the last call, with the option `skipsLater`. They do not count yet. */
  takeSkipped(): SkippedImage[] {
    return this.#skippedLater.splice(0).filter(({ index }) => this.#skipped.reason(index) === undefined);
  }

  /** @internal Counts and reports images that this or another process had to skip. @throws DataError if there are too many. */
  skip(images: readonly SkippedImage[]): void {
    for (const { index, reason } of images) this.#skipped.add(index, reason);
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
    const indices = Int32Array.from(read, ({ index }) => index);
    const batch = { index, images, labels: labelsOf(read), indices, count: read.length };
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

/** Waits until other pending work of this thread has had its turn. Web pages have no `setImmediate`. */
const nextTurn = (): Promise<void> =>
  new Promise((resolve) => {
    (globalThis.setImmediate ?? setTimeout)(resolve);
  });
