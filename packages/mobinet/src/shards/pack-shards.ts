import { checkNumbers, Rng, wholeNumbers } from '@mobinet/tensor/functions';
import { checkArgument, checkKinds, kinds } from '../data/arguments.js';
import { findDecoder } from '../data/decode.js';
import { DataError } from '../data/errors.js';
import { hashOf } from '../data/fingerprint.js';
import { defaultWorkers } from '../data/loader.js';
import { resizeRange } from '../data/prepare.js';
import { shuffled } from '../data/shuffled.js';
import { defaultMaxSkipped, SkippedImages } from '../data/skipped-images.js';
import type { ImageSource } from '../data/source.js';
import { type FolderLock, lockFolder } from '../files/lock-folder.js';
import { makeFolders } from '../files/make-folders.js';
import { explainWriteError } from '../files/write-error.js';
import { encodeImages } from './encode-images.js';
import { loadJpegEncoder } from './jpeg-encoder.js';
import { checkSize, holdsShards } from './shard-folder.js';
import { type Packing, readIndex, saveIndex } from './shard-index.js';
import { type PackingIndex, ShardWriter } from './shard-writer.js';

/** Options of `packShards`. */
export interface PackOptions {
  /** The shorter side that images are scaled to. Default: 256. */
  readonly resize?: number | undefined;
  /** The quality of the JPEGs, from 1 to 100. Default: 90. */
  readonly quality?: number | undefined;
  /** The size of a shard in bytes, unless it has a single image. Default: 100 million. */
  readonly shardBytes?: number | undefined;
  /** Threads that decode images. The shards do not depend on their number. Default: as in `ImageLoader`. */
  readonly workers?: number | undefined;
  /** The share of images that may be skipped, as in `ImageLoader`. */
  readonly maxSkipped?: number | undefined;
  /** Aborting it ends the packing with the signal's reason. The whole shards are kept, and the next call continues. */
  readonly signal?: AbortSignal | undefined;
  /** Called with a line for each skipped image. Default: `console.warn`. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** Called once before the first image, with what an earlier, interrupted call has done. */
  readonly onContinue?: ((done: PackResult) => void) | undefined;
  /** Called after each image with the number of images done. */
  readonly onProgress?: ((images: number) => void) | undefined;
}

/** What is packed. */
export interface PackResult {
  /** The number of images in the shards. */
  readonly images: number;
  /** The number of images that could not be decoded. */
  readonly skipped: number;
  /** The number of tar archives. */
  readonly shards: number;
  /** The size of all shards. */
  readonly bytes: number;
}

export const qualityRange = wholeNumbers(1, 100);
export const shardBytesRange = wholeNumbers(1, 2e9);

/**
 * Packs images into shards: tar archives in the layout of WebDataset, with `KEY.jpg` and `KEY.cls` for each image, and
 * an index. Images are scaled, rotated as their EXIF orientation says, and shuffled, so that parts of a shard have
 * images of all classes. The same images and settings give the same bytes.
 *
 * Files are written whole. A call that was interrupted is continued by the next one with the same images and settings.
 *
 * @param source Images and their classes, such as those of `openImageFolder`.
 * @param classes The names of the classes.
 * @param out The folder for the shards. It is created if necessary.
 * @throws DataError, one line, if the folder has other contents or cannot be written, or too many images cannot be
 *   decoded.
 * @throws RangeError, one line, if an option is out of range.
 * @example
 * ```ts
 * import { mkdtemp, rm } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { imagesFromArrays, packShards } from 'mobinet';
 *
 * const folder = await mkdtemp(join(tmpdir(), 'mobinet-'));
 * const images = imagesFromArrays({ height: 8, width: 8, pixels: new Uint8Array(2 * 8 * 8 * 3), labels: [0, 1] });
 * const packed = await packShards(images, ['cat', 'dog'], join(folder, 'shards'), { resize: 8 });
 * console.log(`${packed.images} images in ${packed.shards} shard, ${packed.skipped} skipped`);
 * // → 2 images in 1 shard, 0 skipped
 * await rm(folder, { recursive: true });
 * ```
 */
export async function packShards(
  source: ImageSource,
  classes: readonly string[],
  out: string,
  options: PackOptions = {},
): Promise<PackResult> {
  checkArgument('packShards: the images', source, kinds.source);
  checkArgument('packShards: classes', classes, kinds.names);
  checkArgument('packShards: the folder', out, kinds.path);
  checkKinds('packShards', options, packKinds);
  const lock = await makeAndLock(out);
  try {
    return await pack(source, classes, out, options);
  } finally {
    lock.release();
  }
}

const packKinds = {
  resize: null,
  quality: null,
  shardBytes: null,
  workers: null,
  maxSkipped: null,
  signal: kinds.signal,
  onWarning: kinds.callback,
  onContinue: kinds.callback,
  onProgress: kinds.callback,
};

async function makeAndLock(out: string): Promise<FolderLock> {
  try {
    await makeFolders(out);
    return await lockFolder(out);
  } catch (error) {
    throw await explainWriteError(error, out);
  }
}

async function pack(
  source: ImageSource,
  classes: readonly string[],
  out: string,
  options: PackOptions,
): Promise<PackResult> {
  const { resize = 256, quality = 90, shardBytes = 100e6, workers = defaultWorkers() } = options;
  const { signal, maxSkipped = defaultMaxSkipped, onWarning = console.warn, onContinue, onProgress } = options;
  checkNumbers(
    '',
    { resize, quality, shardBytes, workers },
    { resize: resizeRange, quality: qualityRange, shardBytes: shardBytesRange, workers: wholeNumbers(1, 256) },
  );
  const encoder = await loadJpegEncoder();
  const settings = {
    ...{ resize, quality, shardBytes },
    software: [...new Set([(await findDecoder()).name, encoder.name])].join(', '),
    source: hashOf([JSON.stringify([classes, source.fingerprint?.()])]),
    images: source.length,
  };
  const before = continued(out, settings);
  if (before && before.packing.done > 0) onContinue?.(resultOf(before));
  const index = before ?? { classes, packing: { ...settings, done: 0, skipped: 0 }, shards: [] };
  const order = shuffled(Rng.fromSeed(0).split('pack'), source.length).subarray(index.packing.done);
  if (order.length === 0) return resultOf(index);
  // The folder is marked as incomplete before it has any shards.
  await saveIndex(out, index);

  const writer = new ShardWriter(out, index);
  const skipping = new SkippedImages(source, { maxSkipped, isolated: false, onWarning });
  const encoding = { encoder, resize, quality, workers, onWarning };
  for await (const { index: image, result } of encodeImages(source, order, encoding)) {
    signal?.throwIfAborted();
    if ('problem' in result) {
      skipping.add(image, result);
      writer.skip();
    } else {
      await writer.add(result, source.label(image));
    }
    onProgress?.(writer.done);
  }
  await writer.finish();
  return resultOf(writer.index);
}

/** The index of a folder whose packing can be continued; null if the folder has none. */
function continued(out: string, settings: Omit<Packing, 'done' | 'skipped'>): PackingIndex | null {
  const index = readIndex(out);
  if (!index) {
    if (holdsShards(out)) throw new DataError(`${out} contains other shards. Choose another --out`);
    return null;
  }
  const { packing } = index;
  const different = Object.entries(settings).filter(([key, value]) => packing?.[key as keyof Packing] !== value);
  if (!packing || different.length > 0) {
    const what = different.map(([key]) => names[key as keyof typeof names]).join(', ');
    throw new DataError(
      `${out} contains shards that were packed differently (${what}). Choose another --out, or remove that folder`,
    );
  }
  for (const shard of index.shards) checkSize(out, shard);
  return { ...index, packing };
}

/** What messages call the settings of a packing. */
const names = {
  resize: 'another --resize',
  quality: 'another --quality',
  shardBytes: 'another --shard-size',
  software: 'another version of sharp',
  source: 'other images',
  images: 'another number of images',
};

const resultOf = ({ packing, shards }: PackingIndex): PackResult => ({
  images: shards.reduce((sum, { names }) => sum + names.length, 0),
  skipped: packing.skipped,
  shards: shards.length,
  bytes: shards.reduce((sum, { bytes }) => sum + bytes, 0),
});
