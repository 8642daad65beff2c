import { join } from 'node:path';
import { checkNumber, wholeNumbers } from '@mobinet/tensor/functions';
import { checkArgument, checkKinds, kinds } from '../data/arguments.js';
import { DataError } from '../data/errors.js';
import { type ImageFolderOptions, imageFolderKinds } from '../data/image-folder.js';
import { numberedClasses, warnOfAbsentClasses } from '../data/numbered-classes.js';
import { checkLimit, chooseEvenly, type ImageDataset, type ImageSource, type ValidationSet } from '../data/source.js';
import { type Split, splitImages } from '../data/split.js';
import { type Catalog, catalogOf } from './catalog.js';
import { holdsShards, openShardFolder } from './shard-folder.js';
import { ShardSource } from './shard-source.js';

/**
 * Opens a folder of shards: tar archives in the layout of WebDataset, with KEY.jpg and KEY.cls for each image, as
 * `packShards` and `mobinet pack-data` write them. They are in DIR/train and DIR/val, or all in DIR, of which a share
 * is then held out for validation. Only the index is read here, so this takes no longer for larger images.
 *
 * Each epoch reads the shards in large pieces, in an order that depends on the seed and the epoch alone (`planPass`).
 * Classes without names are called by their numbers.
 *
 * @param directory The path of DIR.
 * @throws DataError, one line, if the shards cannot be read, are damaged or incomplete, or have no labels.
 * @example
 * ```ts
 * import { mkdtemp, rm } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { imagesFromArrays, openShards, packShards } from 'mobinet';
 *
 * const folder = await mkdtemp(join(tmpdir(), 'mobinet-'));
 * const pixels = new Uint8Array(10 * 8 * 8 * 3);
 * const labels = Array.from({ length: 10 }, (_, i) => i % 2);
 * await packShards(imagesFromArrays({ height: 8, width: 8, pixels, labels }), ['cat', 'dog'], folder, { resize: 8 });
 *
 * const { classes, train, val } = await openShards(folder, { valShare: 0.2 });
 * console.log(`${classes}: ${train.length} for training, ${val.length} for validation`);
 * // → cat,dog: 8 for training, 2 for validation
 * await rm(folder, { recursive: true });
 * ```
 */
export async function openShards(directory: string, options: ImageFolderOptions = {}): Promise<ImageDataset> {
  checkArgument('openShards: the folder', directory, kinds.path);
  checkKinds('openShards', options, imageFolderKinds);
  const split = isSplit(directory, options);
  const dataset = split ? await openSplits(directory, options) : await openUnsplit(directory, options);
  checkLimit(options.limit, dataset.classes);
  return dataset;
}

/**
 * Opens shards for evaluation: those of DIR/val, or of the shards in DIR those images that `openShards` holds out for
 * validation with the same `valShare` and `splitSeed`, or all of them without a share.
 *
 * @param directory The path of DIR.
 * @param options Optional.
 * @param options.classes The least number of classes if they have no names, since some may have no images. Default 1.
 * @throws DataError like `openShards`.
 * @example
 * ```ts
 * import { mkdtemp, rm } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { imagesFromArrays, openValidationShards, packShards } from 'mobinet';
 *
 * const folder = await mkdtemp(join(tmpdir(), 'mobinet-'));
 * const images = imagesFromArrays({ height: 8, width: 8, pixels: new Uint8Array(2 * 8 * 8 * 3), labels: [0, 1] });
 * await packShards(images, ['cat', 'dog'], folder, { resize: 8 });
 *
 * const { val } = await openValidationShards(folder);
 * console.log(val.length);
 * // → 2
 * await rm(folder, { recursive: true });
 * ```
 */
export async function openValidationShards(
  directory: string,
  options: ImageFolderOptions & { classes?: number | undefined } = {},
): Promise<ValidationSet> {
  checkArgument('openValidationShards: the folder', directory, kinds.path);
  checkKinds('openValidationShards', options, { ...imageFolderKinds, classes: null });
  const least = checkNumber('openValidationShards: classes', options.classes ?? 1, wholeNumbers(1));
  const split = isSplit(directory, options);
  if (!split && options.valShare !== undefined) return openUnsplit(directory, options);
  const shards = await open(split ? join(directory, 'val') : directory, options);
  const classes = shards.classes ?? numberedClasses(Math.max(least, shards.classCount));
  return { classes, val: sourceOf(shards, classes, options), ...(!split && { isUnsplit: true }) };
}

/** Whether shards are split into train and val. */
function isSplit(directory: string, { valShare }: ImageFolderOptions): boolean {
  const found = ['train', 'val'].filter((name) => holdsShards(join(directory, name)));
  if (found.length === 0) return false;
  if (valShare === undefined) return true;
  throw new DataError(
    `${directory} already has ${found.join('/ and ')}/, so it cannot be split again. Leave out --val-share`,
  );
}

/** The shards of a folder. */
interface OpenShards {
  readonly catalog: Catalog;
  /** The names of the classes; null if they have only numbers. */
  readonly classes: readonly string[] | null;
  /** One more than the largest label. */
  readonly classCount: number;
}

async function open(folder: string, { onWarning = console.warn }: ImageFolderOptions): Promise<OpenShards> {
  const index = await openShardFolder(folder, onWarning);
  const catalog = catalogOf(folder, index);
  return { catalog, classes: index.classes, classCount: 1 + catalog.labels.reduce((a, b) => Math.max(a, b), 0) };
}

async function openSplits(directory: string, options: ImageFolderOptions): Promise<ImageDataset> {
  const train = await open(join(directory, 'train'), options);
  const val = await open(join(directory, 'val'), options);
  if (JSON.stringify(train.classes) !== JSON.stringify(val.classes)) {
    throw new DataError(
      `${directory}: train and val have different classes. Pack them together, with the same folders`,
    );
  }
  const classes = train.classes ?? numberedClasses(Math.max(train.classCount, val.classCount));
  warnOfAbsentClasses(join(directory, 'train'), classes, train.catalog.labels, options.onWarning);
  return { classes, train: sourceOf(train, classes, options), val: sourceOf(val, classes, options) };
}

async function openUnsplit(directory: string, options: ImageFolderOptions): Promise<ImageDataset> {
  const shards = await open(directory, options);
  const { labels } = shards.catalog;
  const classes = shards.classes ?? numberedClasses(shards.classCount);
  warnOfAbsentClasses(directory, classes, labels, options.onWarning);
  const split: Split = { valShare: options.valShare ?? 0.2, splitSeed: options.splitSeed ?? 0 };
  const positions = classes.map((): number[] => []);
  for (const [position, label] of labels.entries()) positions[label].push(position);
  const parts = positions.flatMap((images, label) => {
    const folder = { name: classes[label], path: `class ${classes[label]} of ${directory}` };
    return images.length === 0 ? [] : [splitImages(folder, images, split)];
  });
  const part = (name: 'train' | 'val'): ImageSource => {
    const chosen = Uint32Array.from(parts.flatMap((each) => each[name])).sort();
    return sourceOf(shards, classes, options, chosen);
  };
  return { classes, train: part('train'), val: part('val'), split };
}

/** @param positions The images to choose from. Default: all. */
function sourceOf(
  { catalog }: OpenShards,
  classes: readonly string[],
  { limit }: ImageFolderOptions,
  positions = Uint32Array.from(catalog.labels.keys()),
): ImageSource {
  const chosen = chooseEvenly(
    positions.map((position) => catalog.labels[position]),
    limit,
  );
  return new ShardSource(
    catalog,
    classes,
    chosen.map((choice) => positions[choice]),
  );
}
