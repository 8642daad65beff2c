import { checkNumber, checkNumbers, checkRecord, Rng, shown, wholeNumbers } from '@mobinet/tensor/functions';
import { checkKinds, kinds } from './arguments.js';
import {
  type Augmentation,
  centerCrop,
  checkAugmentation,
  checkNormalization,
  imageNetNormalization,
  type Normalization,
} from './augment.js';
import type { ImageDecoder } from './decode-pool.js';
import { mixupRange } from './mixup.js';
import { resizeRange } from './prepare.js';
import { printable } from './printable.js';
import { defaultMaxSkipped } from './skipped-images.js';
import { largestSide } from './source.js';

/** Options of an `ImageLoader`. */
export interface ImageLoaderOptions {
  /** The number of images in a batch. */
  readonly batchSize: number;
  /** The most micro-batches that `microBatches` cuts a batch into. Default: 1. */
  readonly microBatches?: number;
  /** Height and width of the examples. */
  readonly size: number;
  /** The only source of randomness, for the order and for augmentation. */
  readonly rng: Rng;
  /** Images are first scaled so that their shorter side has this length. Default: size · 256 / 224, rounded. */
  readonly resize?: number;
  /**
   * Whether photos of at least six times the requested size are reduced while they are decoded, which is faster and
   * changes their values a little. Web pages never do so. Default: true.
   */
  readonly reduce?: boolean;
  /** Whether to skip images that are not `size` × `size` instead of scaling and cropping them. Default: false. */
  readonly exactSize?: boolean;
  /** Default: `centerCrop`. For training, use `randomCropAndFlip`, perhaps with more: see `Augmentation`. */
  readonly augment?: Partial<Augmentation>;
  /** α of mixup: each image is mixed with the next one of its batch, in shares drawn from Beta(α, α). Default: 0, none. */
  readonly mixup?: number;
  /** Whether to shuffle the images for each epoch. Default: false, the source's order. */
  readonly shuffle?: boolean;
  /** Whether to drop the last batch if it is not full. Default: false. */
  readonly dropLast?: boolean;
  /** Default: ImageNet's mean and standard deviation. */
  readonly normalization?: Normalization;
  /**
   * Number of decoding threads. Results do not depend on it. Default: the number of processors − 1, between 1 and 8.
   */
  readonly workers?: number;
  /** How many images to decode ahead of the current batch. Default: two batches. */
  readonly prefetch?: number;
  /** Scaled images are cached for later epochs up to this many bytes. 0 disables the cache. Default: 256 MB. */
  readonly cacheBytes?: number;
  /**
   * Images with more pixels are skipped; AVIF may have a quarter as many, interlaced PNG half. Default: 100 million.
   */
  readonly pixelLimit?: number;
  /** CPU seconds per image after which a decoder counts as broken and the epoch ends with an error. Default: 60. */
  readonly decodeCpuLimit?: number;
  /**
   * The largest share of images that may fail to decode. A larger share, of at least ten images, is an error: the data
   * set is broken, not an image. Default: 0.01.
   */
  readonly maxSkipped?: number;
  /**
   * Whether the images are independent inputs, such as images to predict, rather than a data set. Any image with a
   * problem is then skipped, even if its file cannot be read. Default: false.
   */
  readonly isolated?: boolean;
  /**
   * @internal Whether skipped images are only collected (`takeSkipped`), until `skip` counts and reports them. Several processes
   * that divide the images count those of all. Default: false.
   */
  readonly skipsLater?: boolean;
  /** Called with one line for every skipped image. Default: `console.warn`. */
  readonly onWarning?: (message: string) => void;
  /** @internal Whether the program ends with this loader, so that no other one needs the decoder. Default: false. */
  readonly endsProgram?: boolean;
  /**
   * @internal Another loader, which scales images in the same way. This one uses its decoding threads, until it is closed,
   * instead of starting its own, each of which would have to load the decoder.
   */
  readonly threadsOf?: { readonly decoder: ImageDecoder };
  /** @internal Replaces the program of the decoding threads. */
  readonly workerUrl?: URL;
}

/** The options with their defaults, in the names that the parts of the loader use. */
export type ResolvedLoaderOptions = ReturnType<typeof resolveLoaderOptions>;

const loaderRanges = {
  batchSize: wholeNumbers(1, 1_000_000),
  microBatches: wholeNumbers(1, 2 ** 20),
  size: wholeNumbers(1, largestSide),
  mixup: mixupRange,
};

const decodingRanges = {
  workers: wholeNumbers(1, 256),
  prefetch: wholeNumbers(0),
  cacheBytes: wholeNumbers(0),
  pixelLimit: wholeNumbers(1, 2 ** 31),
  decodeCpuLimit: { above: 0, to: 86_400 },
  maxSkipped: { from: 0, to: 1 },
} as const;

const loaderKinds = {
  batchSize: null,
  microBatches: null,
  size: null,
  rng: null,
  resize: null,
  reduce: kinds.flag,
  exactSize: kinds.flag,
  augment: null,
  mixup: null,
  shuffle: kinds.flag,
  dropLast: kinds.flag,
  normalization: null,
  workers: null,
  prefetch: null,
  cacheBytes: null,
  pixelLimit: null,
  decodeCpuLimit: null,
  maxSkipped: null,
  isolated: kinds.flag,
  skipsLater: kinds.flag,
  onWarning: kinds.callback,
  endsProgram: kinds.flag,
  threadsOf: null,
  workerUrl: null,
};

/**
 * Checks the options of a loader and fills in the defaults.
 * @param workers The default number of decoding threads.
 * @throws RangeError or TypeError, one line that names the option.
 */
export function resolveLoaderOptions(options: ImageLoaderOptions, workers: number) {
  checkKinds('the image loader', options, loaderKinds);
  const { rng, workerUrl, shuffle = false, dropLast = false, exactSize = false } = options;
  const { batchSize, microBatches = 1, size, mixup = 0, normalization = imageNetNormalization } = options;
  if (!(rng instanceof Rng)) throw new TypeError(`rng must be an Rng, such as Rng.fromSeed(0), not ${shown(rng)}`);
  checkNumbers('', { batchSize, microBatches, size, mixup }, loaderRanges);
  if (options.augment !== undefined) checkRecord('augment', options.augment);
  const augment: Augmentation = { ...centerCrop, ...options.augment };
  checkAugmentation(augment);
  checkNormalization(normalization);
  const resize = checkNumber('resize', options.resize ?? Math.max(1, Math.round((size * 256) / 224)), resizeRange);
  const given = {
    workers: options.workers ?? workers,
    prefetch: options.prefetch ?? 2 * batchSize,
    cacheBytes: options.cacheBytes ?? 256 * 2 ** 20,
    pixelLimit: options.pixelLimit ?? 100e6,
    decodeCpuLimit: options.decodeCpuLimit ?? 60,
    maxSkipped: options.maxSkipped ?? defaultMaxSkipped,
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
    mixup,
    side: exactSize ? size : resize,
    exactSize,
    reduce: options.reduce ?? true,
    normalization,
    ...decoding,
    cpuLimit,
    isolated: options.isolated ?? false,
    skipsLater: options.skipsLater ?? false,
    endsProgram: options.endsProgram ?? false,
    onWarning: options.onWarning ?? ((message: string) => console.warn(printable(message))),
  };
}
