import { statSync } from 'node:fs';
import { join } from 'node:path';
import { checkArgument, checkKinds, kinds } from './arguments.js';
import { type ClassFolder, holdsImages, listClassFolders, listImages } from './class-folders.js';
import { unreadable, wrongLayout } from './errors.js';
import { hashOf } from './fingerprint.js';
import { cannotRead } from './folder-images.js';
import { IgnoredFiles } from './ignored-files.js';
import { defaultMaxSkipped, isTooMany } from './skipped-images.js';
import {
  type ClassFingerprint,
  checkLimit,
  chooseEvenly,
  type ImageDataset,
  type ImageSource,
  type ValidationSet,
} from './source.js';
import { type Split, splitImages } from './split.js';

/** Options for opening an image folder. */
export interface ImageFolderOptions {
  /** Use only this many images of each split, balanced across classes. Default: all. */
  limit?: number | undefined;
  /**
   * The share of each class to hold out for validation in a folder without train/ and val/. Default: 0.2 for training;
   * for evaluation, all images are used.
   */
  valShare?: number | undefined;
  /** The seed that draws the validation images. Default: 0. */
  splitSeed?: number | undefined;
  /**
   * The largest share of a class's images that may have unsupported formats. A larger share, of at least ten images, is
   * an error. Default: 0.01.
   */
  maxSkipped?: number | undefined;
  /** Called with one line that lists all ignored files. Default: `console.warn`. */
  onWarning?: ((message: string) => void) | undefined;
}

/** The kinds of these options. */
export const imageFolderKinds = {
  limit: null,
  valShare: null,
  splitSeed: null,
  maxSkipped: null,
  onWarning: kinds.callback,
};

/** The images to use of one class, as paths relative to its folder. */
interface ClassFiles {
  readonly folder: ClassFolder;
  readonly files: readonly string[];
}

/**
 * Opens an image folder in ImageNet's layout, `DIR/train/<class>/*` and `DIR/val/<class>/*`, or with class folders
 * only, `DIR/<class>/*`, of which a share is then held out for validation.
 *
 * As in torchvision's ImageFolder, images are found by their extensions, also in subfolders of a class, and links are
 * followed. Hidden files are ignored. Classes and files are sorted by name, by code unit, so that the order is the same
 * on every machine. Files are not opened here; broken ones are found when they are decoded.
 *
 * @param directory The path of DIR.
 * @throws DataError if a folder is missing or unreadable, if a class has no images, or if the splits differ in their
 *   classes.
 * @example
 * ```ts
 * import { openImageFolder } from 'mobinet';
 *
 * // Images of this repository, evenly over the ten classes.
 * const { classes, train } = openImageFolder('examples/data/fashion-mnist-subset', { limit: 20 });
 * console.log(`${train.length} images of ${classes.length} classes, such as ${classes[train.label(0)]}`);
 * // → 20 images of 10 classes, such as ankle-boot
 * ```
 */
export function openImageFolder(directory: string, options: ImageFolderOptions = {}): ImageDataset {
  checkArgument('openImageFolder: the folder', directory, kinds.path);
  checkKinds('openImageFolder', options, imageFolderKinds);
  const ignored = new IgnoredFiles();
  const dataset = isSplit(directory, options)
    ? openSplits(directory, options, ignored)
    : openUnsplit(directory, options, ignored);
  checkLimit(options.limit, dataset.classes);
  ignored.report(directory, options.onWarning);
  return dataset;
}

/**
 * Opens the images of a folder for evaluation: `DIR/val/<class>/*`, or from `DIR/<class>/*` those that
 * `openImageFolder` holds out for validation with the same `valShare` and `splitSeed`, or all of them without a share.
 *
 * @param directory The path of DIR.
 * @throws DataError like `openImageFolder`.
 * @example
 * ```ts
 * import { openValidationFolder } from 'mobinet';
 *
 * const { val } = openValidationFolder('examples/data/fashion-mnist-subset', { limit: 30 });
 * console.log(val.length);
 * // → 30
 * ```
 */
export function openValidationFolder(directory: string, options: ImageFolderOptions = {}): ValidationSet {
  checkArgument('openValidationFolder: the folder', directory, kinds.path);
  checkKinds('openValidationFolder', options, imageFolderKinds);
  const ignored = new IgnoredFiles();
  const open = (): ValidationSet => {
    if (isSplit(directory, options)) {
      const val = listClasses(directory, join(directory, 'val'), ignored);
      return { classes: namesOf(val), val: openFiles(val.map(allFiles(options, ignored)), options) };
    }
    if (options.valShare !== undefined) return openUnsplit(directory, options, ignored);
    const classes = listClasses(directory, directory, ignored);
    const val = openFiles(classes.map(allFiles(options, ignored)), options);
    return { classes: namesOf(classes), val, isUnsplit: true };
  };
  const dataset = open();
  ignored.report(directory, options.onWarning);
  return dataset;
}

/**
 * Whether a folder is split into train and val. If only one of them exists and holds images itself, it is a class.
 */
function isSplit(directory: string, { valShare }: ImageFolderOptions): boolean {
  checkFolder(directory, 'Give a folder with train/<class>/ and val/<class>/, or with one folder per class');
  const found = ['train', 'val'].filter((name) => isFolder(join(directory, name)));
  if (found.length === 0 || (found.length === 1 && holdsImages(join(directory, found[0])))) return false;
  if (valShare === undefined) return true;
  const remedy =
    found.join() === 'train' ? `Give ${join(directory, 'train')} to split that folder` : 'Leave out --val-share';
  throw wrongLayout(`${directory} already has ${found.join('/ and ')}/, so it cannot be split again. ${remedy}`);
}

function openSplits(directory: string, options: ImageFolderOptions, ignored: IgnoredFiles): ImageDataset {
  const [train, val] = ['train', 'val'].map((split) => listClasses(directory, join(directory, split), ignored));
  checkSameClasses(directory, { train, val });
  return {
    classes: namesOf(train),
    train: openFiles(train.map(allFiles(options, ignored)), options),
    val: openFiles(val.map(allFiles(options, ignored)), options),
  };
}

function openUnsplit(directory: string, options: ImageFolderOptions, ignored: IgnoredFiles): ImageDataset {
  const split: Split = { valShare: options.valShare ?? 0.2, splitSeed: options.splitSeed ?? 0 };
  const classes = listClasses(directory, directory, ignored).map(allFiles(options, ignored));
  const parts = classes.map(({ folder, files }) => ({ folder, ...splitImages(folder, files, split) }));
  return {
    classes: parts.map(({ folder }) => folder.name),
    train: openFiles(
      parts.map(({ folder, train }) => ({ folder, files: train })),
      options,
    ),
    val: openFiles(
      parts.map(({ folder, val }) => ({ folder, files: val })),
      options,
    ),
    split,
  };
}

/** The class folders in `folder`, which is `directory` or one of its splits. */
function listClasses(directory: string, folder: string, ignored: IgnoredFiles): ClassFolder[] {
  checkFolder(folder, `${directory} must hold train/<class>/ and val/<class>/${insteadOfVal(directory)}`);
  const classes = listClassFolders(folder, ignored);
  const names = namesOf(classes);
  if (classes.length === 0) {
    throw wrongLayout(`${folder} holds no class folders. Put the images of each class into ${join(folder, '<class>')}`);
  }
  const [only] = classes;
  if (classes.length === 1 && !holdsImages(only.path) && listClassFolders(only.path, new IgnoredFiles()).length > 1) {
    throw wrongLayout(
      `${folder} holds a single folder, ${only.name}, which holds others. Give ${only.path} if those are the classes`,
    );
  }
  if (
    folder === directory &&
    names.some((name) => /train/i.test(name)) &&
    names.some((name) => /val|test/i.test(name))
  ) {
    throw wrongLayout(
      `the folders of ${directory}, ${names.slice(0, 5).join(', ')}, look like splits, not classes. Rename them to train and val`,
    );
  }
  return classes;
}

/** Suggests what to do if there is train/ but no val/. */
function insteadOfVal(directory: string): string {
  const train = join(directory, 'train');
  if (!isFolder(train)) return '';
  const name = ['valid', 'validation', 'test', 'testing'].find((name) => isFolder(join(directory, name)));
  return name === undefined
    ? `, or give ${train} to hold out a share of it for validation`
    : `; if ${name} holds the validation images, rename it to val`;
}

function checkSameClasses(directory: string, splits: Record<'train' | 'val', readonly ClassFolder[]>): void {
  for (const [split, other] of [
    ['train', 'val'],
    ['val', 'train'],
  ] as const) {
    const known = new Set(namesOf(splits[other]));
    const missing = namesOf(splits[split]).filter((name) => !known.has(name));
    if (missing.length === 0) continue;
    const more = missing.length > 3 ? ` and ${missing.length - 3} more` : '';
    throw wrongLayout(
      `${directory}: ${split} has classes that ${other} lacks: ${missing.slice(0, 3).join(', ')}${more}. ` +
        'Both splits need the same class folders',
    );
  }
}

const namesOf = (classes: readonly ClassFolder[]): string[] => classes.map(({ name }) => name);

/** Lists all images of a class, unless too many have unsupported formats. */
function allFiles({ maxSkipped = defaultMaxSkipped }: ImageFolderOptions, ignored: IgnoredFiles) {
  return (folder: ClassFolder): ClassFiles => {
    const { files, unsupported } = listImages(folder, ignored);
    if (isTooMany(unsupported, files.length + unsupported, maxSkipped)) {
      throw wrongLayout(
        `${folder.path} holds ${unsupported} images in unsupported formats and ${files.length} in supported ones: ${ignored.describe()}. ` +
          'Convert them to JPEG or PNG, or remove them',
      );
    }
    return { folder, files };
  };
}

function openFiles(classes: readonly ClassFiles[], { limit }: ImageFolderOptions): ImageSource {
  const files = classes.flatMap(({ files }) => files);
  const labels = classes.flatMap(({ files }, label) => files.map(() => label));
  const chosen = chooseEvenly(labels, limit);
  const path = (index: number): string => join(classes[labels[chosen[index]]].folder.path, files[chosen[index]]);
  let fingerprint: readonly ClassFingerprint[] | null = null;
  return {
    length: chosen.length,
    classes: classes.map(({ folder }) => folder.name),
    label: (index) => labels[chosen[index]],
    name: path,
    image: path,
    fingerprint: () => {
      fingerprint ??= fingerprintFiles(classes.length, chosen, labels, files, path);
      return fingerprint;
    },
  };
}

/** Hashes names and sizes, since reading all files would take as long as an epoch. */
function fingerprintFiles(
  classes: number,
  chosen: Uint32Array,
  labels: readonly number[],
  files: readonly string[],
  path: (index: number) => string,
): ClassFingerprint[] {
  const parts = Array.from({ length: classes }, (): string[] => []);
  chosen.forEach((position, index) => {
    parts[labels[position]].push(`${files[position].normalize('NFC')}\0${sizeOf(path(index))}\n`);
  });
  return parts.map((files) => ({ images: files.length, hash: hashOf(files) }));
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch (error) {
    throw unreadable(error, path, 'image');
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch (error) {
    throw cannotRead(path, error);
  }
}

function checkFolder(path: string, remedy: string): void {
  if (isFolder(path)) return;
  const exists = statSync(path, { throwIfNoEntry: false }) !== undefined;
  throw wrongLayout(exists ? `${path} is not a folder. ${remedy}` : `there is no folder ${path}. ${remedy}`);
}
