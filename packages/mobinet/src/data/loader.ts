import { availableParallelism } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  checkNumber,
  checkNumbers,
  checkRecord,
  fromHost,
  Rng,
  shown,
  type Tensor,
  tensor,
  tidy,
  wholeNumbers,
  withBackend,
} from '@mobinet/tensor';
import {
  type Augmentation,
  centerCrop,
  checkAugmentation,
  checkNormalization,
  drawView,
  imageNetNormalization,
  type Normalization,
  normalizationTable,
  writeExample,
} from './augment.js';
import { checkImage } from './check-image.js';
import { findDecoder } from './decode.js';
import { DecodePool, type Decoding } from './decode-pool.js';
import type { Unreadable } from './decode-worker.js';
import { DataError } from './errors.js';
import { cutBatch } from './micro-batches.js';
import { resizeRange } from './prepare.js';
import { printable } from './printable.js';
import { SkippedImages, usualMaxSkipped } from './skipped-images.js';
import { type Image, type ImageSource, largestSide } from './source.js';

export interface ImageLoaderOptions {
  readonly batchSize: number;
  /** How many pieces `microBatches` cuts a batch into, at most. Default 1. */
  readonly microBatches?: number;
  /** Height and width of the examples. */
  readonly size: number;
  /** The only source of chance: of the order, and of the augmentation. */
  readonly rng: Rng;
  /** Images are first scaled so that their shorter side is this. Default: size · 256 / 224, rounded. */
  readonly resize?: number;
  /** Whether images that are not `size` × `size` are skipped, in place of being scaled and cut. Default: no. */
  readonly exactSize?: boolean;
  /** Default: `centerCrop`. For training, `randomCropAndFlip`, perhaps with padding. */
  readonly augment?: Partial<Augmentation>;
  /** Whether each epoch has an order of its own. Default: the source's order, always. */
  readonly shuffle?: boolean;
  /** Whether a last batch that is not full is left out. Default: no. */
  readonly dropLast?: boolean;
  /** Default: ImageNet's mean and standard deviation. */
  readonly normalization?: Normalization;
  /** Threads that decode. Default: one less than there are processors, from 1 to 8. No result depends on it. */
  readonly workers?: number;
  /** How many images are decoded ahead of the batch that was last given out. Default: two batches. */
  readonly prefetch?: number;
  /** Scaled images are kept for later epochs up to this many bytes. Default: 256 MB. 0 keeps none. */
  readonly cacheBytes?: number;
  /** Images of more pixels are skipped. Default: 100 million, of which AVIF may have a quarter and interlaced PNG a half. */
  readonly pixelLimit?: number;
  /** A decoder that takes more seconds of CPU time than this for an image is broken: the epoch ends with an error. Default: 60. */
  readonly decodeCpuLimit?: number;
  /**
   * More than this share of the images, and at least ten, that cannot be decoded are an error: something is wrong with the data set, not with
   * an image. Default: 0.01.
   */
  readonly maxSkipped?: number;
  /**
   * Whether each image stands for itself, as one to predict does, and is no part of a data set: whatever is wrong with it, it is skipped.
   * Default: no.
   */
  readonly isolated?: boolean;
  /** Called once for every image that is skipped, with one line. Default: `console.warn`. */
  readonly onWarning?: (message: string) => void;
  /** @internal Another program for the decoding threads. */
  readonly workerUrl?: URL;
}

export interface EpochOptions {
  /** Go on in the middle: earlier batches are not decoded. Default 0. */
  readonly startBatch?: number;
}

/** Some examples. Who takes a batch frees it: `dispose(batch)`. */
export interface ImageBatch {
  /** Its number in the epoch; `startBatch: index + 1` goes on after it. */
  readonly index: number;
  /** f32 [count, size, size, 3], normalised. */
  readonly images: Tensor;
  /** i32 [count] */
  readonly labels: Tensor<'i32'>;
  /** `batchSize`, less at the end of the epoch, and one less for every image that was skipped. */
  readonly count: number;
}

/** A batch in pieces. Who takes it frees it. */
export interface CutBatch {
  readonly index: number;
  /** In order; null for one all of whose images were skipped. */
  readonly parts: readonly (ImageBatch | null)[];
}

/**
 * Turns images into batches. Threads decode ahead while the batch before is trained on.
 *
 *     const loader = new ImageLoader(folder.train, { batchSize: 64, size: 224, rng, shuffle: true, augment: randomCropAndFlip });
 *     for await (const batch of loader.epoch(0)) { …; dispose(batch); }
 *     await loader.close();
 *
 * Same generator, same batches, bit for bit: they depend neither on the number of threads and which is first, nor
 * on the cache or on where an epoch is entered. An image that cannot be decoded is skipped: its batch has one less.
 * That depends on the file alone, so it changes nothing either. A file that cannot be read may be there again tomorrow: it ends the epoch.
 */
export class ImageLoader {
  readonly #source: ImageSource;
  readonly #options: ResolvedOptions;
  readonly #table: Float32Array;
  readonly #cache = new Map<number, Image>();
  readonly #skipped: SkippedImages;
  #cacheRoom: number;
  #pool: DecodePool | null = null;
  #closed = false;
  #readsFiles = false;

  constructor(source: ImageSource, options: ImageLoaderOptions) {
    this.#source = source;
    this.#options = resolve(options);
    this.#table = normalizationTable(this.#options.normalization);
    this.#cacheRoom = this.#options.cacheBytes;
    this.#skipped = new SkippedImages(source, this.#options);
  }

  /** Batches in a whole epoch. */
  get batchesPerEpoch(): number {
    const { batchSize, dropLast } = this.#options;
    return dropLast ? Math.floor(this.#source.length / batchSize) : Math.ceil(this.#source.length / batchSize);
  }

  /** How many images could not be decoded so far. */
  get skipped(): number {
    return this.#skipped.size;
  }

  /**
   * The batches of an epoch in order. Leaving the loop stops the work ahead. A batch all of whose images had to be
   * skipped is passed over.
   *
   * @throws DataError if a file cannot be read, if too many images cannot be decoded or none of a class can, if a decoding thread
   * crashes, or if the loader is closed.
   */
  async *epoch(epoch: number, options: EpochOptions = {}): AsyncGenerator<ImageBatch, void, void> {
    for await (const { parts } of this.#batches(epoch, 1, options)) yield parts[0]!;
  }

  /**
   * The same, each batch cut into micro-batches (`cutBatch`). Where depends on the images' places in the order of the epoch alone, not on
   * which of them are skipped.
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
        // Training may keep this thread busy for long: let it hear the workers, timers and signals once a batch.
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

  /** Loads the decoder here, too: its threads would have to load it anew whenever the last of them ends, and some cannot. */
  async #findDecoder(): Promise<void> {
    const { notice } = await findDecoder();
    if (notice === null || notices.has(notice)) return;
    notices.add(notice);
    console.warn(notice);
  }

  /** Ends the decoding threads. They would not keep the program from ending, but they hold memory. */
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
    if (this.#closed) throw new DataError('the image loader was closed. Make another to read on.');
    const known = this.#skipped.reason(index) ?? this.#cache.get(index);
    if (known) return { result: Promise.resolve(known), cancel: () => {} };
    const image = this.#source.image(index);
    if (typeof image !== 'string') checkImage(image, this.#source.name(index));
    this.#pool ??= new DecodePool(this.#options);
    this.#readsFiles ||= typeof image === 'string';
    return this.#pool.decode(image, this.#source.name(index));
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
        const view = drawView(image, size, augment, rng.split('augment', epoch, index));
        writeExample(image, view, this.#table, values, i * size * size * 3);
      });
    });
    const labels = tensor(
      Int32Array.from(examples, ({ index }) => this.#source.label(index)),
      { dtype: 'i32' },
    );
    return { index: batch, images, labels, count: examples.length };
  }

  /** Keeps images while there is room and never drops one: of a random order, any fixed part is as good as another. */
  #remember(index: number, image: Image): void {
    if (this.#cache.has(index) || image.pixels.byteLength > this.#cacheRoom) return;
    this.#cache.set(index, image);
    this.#cacheRoom -= image.pixels.byteLength;
  }
}

/** What was said already. */
const notices = new Set<string>();

type ResolvedOptions = ReturnType<typeof resolve>;

const loaderRanges = {
  batchSize: wholeNumbers(1, 1_000_000),
  microBatches: wholeNumbers(1, 2 ** 20),
  size: wholeNumbers(1, largestSide),
};

const decodingRanges = {
  workers: wholeNumbers(1, 256),
  prefetch: wholeNumbers(0),
  cacheBytes: wholeNumbers(0),
  pixelLimit: wholeNumbers(1, 2 ** 31),
  decodeCpuLimit: { above: 0, to: 86_400 },
  maxSkipped: { from: 0, to: 1 },
} as const;

function resolve(options: ImageLoaderOptions) {
  checkRecord("the image loader's options", options);
  const { rng, workerUrl, shuffle = false, dropLast = false, exactSize = false } = options;
  const { batchSize, microBatches = 1, size, normalization = imageNetNormalization } = options;
  if (!(rng instanceof Rng)) throw new TypeError(`rng must be an Rng, such as Rng.fromSeed(0), not ${shown(rng)}`);
  checkNumbers('', { batchSize, microBatches, size }, loaderRanges);
  const augment: Augmentation = { ...centerCrop, ...options.augment };
  checkAugmentation(augment);
  checkNormalization(normalization);
  const resize = checkNumber('resize', options.resize ?? Math.max(1, Math.round((size * 256) / 224)), resizeRange);
  const given = {
    workers: options.workers ?? Math.max(1, Math.min(8, availableParallelism() - 1)),
    prefetch: options.prefetch ?? 2 * batchSize,
    cacheBytes: options.cacheBytes ?? 256 * 2 ** 20,
    pixelLimit: options.pixelLimit ?? 100e6,
    decodeCpuLimit: options.decodeCpuLimit ?? 60,
    maxSkipped: options.maxSkipped ?? usualMaxSkipped,
  };
  checkNumbers('', given, decodingRanges);
  const { decodeCpuLimit: cpuLimit, ...decoding } = given;
  return {
    rng,
    workerUrl,
    shuffle,
    dropLast,
    batchSize,
    microBatches,
    size,
    augment,
    side: exactSize ? size : resize,
    exactSize,
    normalization,
    ...decoding,
    cpuLimit,
    isolated: options.isolated ?? false,
    onWarning: options.onWarning ?? ((message: string) => console.warn(printable(message))),
  };
}
