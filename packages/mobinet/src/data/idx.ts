import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { checkNumber, wholeNumbers } from '@mobinet/tensor/functions';
import { checkArgument, checkKinds, kinds } from './arguments.js';
import { DataError, messageOf, unreadable } from './errors.js';
import { hashOf } from './fingerprint.js';
import { numberedClasses, warnOfAbsentClasses } from './numbered-classes.js';
import {
  type ClassFingerprint,
  checkLimit,
  chooseEvenly,
  type Image,
  type ImageDataset,
  type ImageSource,
  type ValidationSet,
} from './source.js';

/** The contents of an IDX file of unsigned bytes. */
export interface IdxArray {
  /** The sizes of its axes, such as [images, height, width]. */
  readonly shape: readonly number[];
  /** The elements, in row-major order. */
  readonly values: Uint8Array;
}

/** A limit well above all files in use: EMNIST, the largest, unpacks to 0.6 GB. */
const largestIdx = 2 ** 30;

/**
 * Reads an IDX file of unsigned bytes, plain or gzipped; the content decides, not the name.
 *
 * The format (LeCun, "The MNIST database"), all numbers big-endian: two zero bytes, the element type (8 is u8), the
 * number of axes, their sizes as u32, then the elements.
 *
 * @throws DataError if the file cannot be read, or does not match the format exactly.
 * @example
 * ```ts
 * import { mkdtemp, rm } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { readIdx, saveFile } from 'mobinet';
 *
 * const folder = await mkdtemp(join(tmpdir(), 'mobinet-'));
 * const file = join(folder, 'labels-idx1-ubyte');
 * // Type 8 (u8), one axis of three elements, and the elements.
 * await saveFile(file, Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1));
 * const { shape, values } = readIdx(file);
 * console.log(`[${shape}]: ${[...values]}`);
 * // → [3]: 7,2,1
 * await rm(folder, { recursive: true });
 * ```
 */
export function readIdx(path: string): IdxArray {
  checkArgument('readIdx: the path', path, kinds.path);
  const bytes = readUnzipped(path);
  const bad = (problem: string): DataError =>
    new DataError(`${path} is not an IDX file of bytes: ${problem}. Download it again, or give another`);
  if (bytes.length < 4) throw bad(`it has ${bytes.length} bytes`);
  const [zero, alsoZero, type, rank] = bytes;
  if (zero !== 0 || alsoZero !== 0) throw bad('it does not begin with two zero bytes');
  if (type !== 8) throw bad(`its element type is 0x${type.toString(16)}, not 0x8`);
  if (rank < 1 || rank > 4) throw bad(`it has ${rank} axes`);
  const header = 4 + 4 * rank;
  if (bytes.length < header) throw bad('it ends within its header');
  const shape = Array.from({ length: rank }, (_, axis) => bytes.readUInt32BE(4 + 4 * axis));
  const promised = shape.reduce((size, axis) => size * axis, 1);
  if (bytes.length - header !== promised) {
    throw bad(`its header promises ${shape.join(' × ')} elements, but ${bytes.length - header} follow`);
  }
  // Not a Buffer, whose `slice` shares memory and which prints as text.
  return { shape, values: new Uint8Array(bytes.buffer, bytes.byteOffset + header, promised) };
}

function readUnzipped(path: string): Buffer {
  try {
    const size = statSync(path).size;
    if (size > largestIdx) throw new RangeError(`its ${size} bytes exceed the limit of ${largestIdx}`);
    const bytes = readFileSync(path);
    const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
    return isGzip ? gunzipSync(bytes, { maxOutputLength: largestIdx }) : bytes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall !== undefined) throw unreadable(error, path, 'IDX file');
    throw new DataError(`cannot read ${path}: ${messageOf(error)}. Check the file, or download it again`, {
      cause: error,
    });
  }
}

/** Options for opening IDX files. */
export interface IdxOptions {
  /** Use only this many images of each split, balanced across classes. Default: all. */
  limit?: number | undefined;
  /** Called with one line if some classes have no training images. Default: `console.warn`. */
  onWarning?: ((message: string) => void) | undefined;
}

const idxKinds = { limit: null, onWarning: kinds.callback };

/**
 * Opens a folder with the four files of MNIST or Fashion-MNIST: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
 * `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`. Each may have a dot before `idx`, `.gz` at its end, and its
 * own folder of the same name, as in other distributions. Classes are named by their numbers; gray is copied to red,
 * green and blue.
 *
 * @param directory The path of the folder.
 * @throws DataError if a file is missing or broken, or if images and labels differ in number.
 * @example
 * ```ts
 * import { mkdtemp, rm } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { openIdx, saveFile } from 'mobinet';
 *
 * // An IDX file of bytes.
 * const idx = (shape: number[], values: number[]) =>
 *   Uint8Array.of(0, 0, 8, shape.length, ...shape.flatMap((size) => [0, 0, 0, size]), ...values);
 *
 * // Two images of a single pixel for each split, in place of Fashion-MNIST.
 * const folder = await mkdtemp(join(tmpdir(), 'mobinet-'));
 * for (const split of ['train', 't10k']) {
 *   await saveFile(join(folder, `${split}-images-idx3-ubyte`), idx([2, 1, 1], [0, 255]));
 *   await saveFile(join(folder, `${split}-labels-idx1-ubyte`), idx([2], [0, 1]));
 * }
 * const { classes, train } = openIdx(folder);
 * console.log(`classes ${classes.join(' and ')}, ${train.length} training images`);
 * // → classes 0 and 1, 2 training images
 * await rm(folder, { recursive: true });
 * ```
 */
export function openIdx(directory: string, options: IdxOptions = {}): ImageDataset {
  checkArgument('openIdx: the folder', directory, kinds.path);
  checkKinds('openIdx', options, idxKinds);
  const train = readSplit(directory, 'train');
  const val = readSplit(directory, 't10k');
  const classes = numberedClasses(1 + Math.max(largest(train.labels.values), largest(val.labels.values)));
  checkLimit(options.limit, classes);
  warnOfAbsentClasses(train.path, classes, train.labels.values, options.onWarning);
  return { classes, train: openSplit(train, classes, options), val: openSplit(val, classes, options) };
}

/**
 * Opens only the two `t10k` files of a folder, for evaluation.
 *
 * @param directory The path of the folder.
 * @param options Optional.
 * @param options.classes The least number of classes, since some may have no images. Default 1.
 * @throws DataError like `openIdx`.
 * @example
 * ```ts
 * import { mkdtemp, rm } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { openValidationIdx, saveFile } from 'mobinet';
 *
 * const folder = await mkdtemp(join(tmpdir(), 'mobinet-'));
 * // One image of a single white pixel, of class 0.
 * const one = [0, 0, 0, 1];
 * await saveFile(join(folder, 't10k-images-idx3-ubyte'), Uint8Array.of(0, 0, 8, 3, ...one, ...one, ...one, 255));
 * await saveFile(join(folder, 't10k-labels-idx1-ubyte'), Uint8Array.of(0, 0, 8, 1, ...one, 0));
 * const { classes, val } = openValidationIdx(folder, { classes: 10 });
 * console.log(`${val.length} image, ${classes.length} classes`);
 * // → 1 image, 10 classes
 * await rm(folder, { recursive: true });
 * ```
 */
export function openValidationIdx(directory: string, options: IdxOptions & { classes?: number } = {}): ValidationSet {
  checkArgument('openValidationIdx: the folder', directory, kinds.path);
  checkKinds('openValidationIdx', options, { ...idxKinds, classes: null });
  const least = checkNumber('openValidationIdx: classes', options.classes ?? 1, wholeNumbers(1, 256));
  const val = readSplit(directory, 't10k');
  const classes = numberedClasses(Math.max(least, 1 + largest(val.labels.values)));
  return { classes, val: openSplit(val, classes, options) };
}

interface IdxSplit {
  readonly path: string;
  readonly images: IdxArray;
  readonly labels: IdxArray;
}

function readSplit(directory: string, split: 'train' | 't10k'): IdxSplit {
  const path = findFile(directory, `${split}-images`, 'idx3-ubyte');
  const labelPath = findFile(directory, `${split}-labels`, 'idx1-ubyte');
  const images = readIdx(path);
  const labels = readIdx(labelPath);
  if (images.shape.length !== 3 || images.values.length === 0) {
    throw new DataError(
      `${path} has shape [${images.shape.join(', ')}], not [images, height, width]. Give MNIST's image file`,
    );
  }
  if (labels.shape.length !== 1 || labels.shape[0] !== images.shape[0]) {
    throw new DataError(
      `${labelPath} has shape [${labels.shape.join(', ')}], not [${images.shape[0]}], one label per image of ${path}. ` +
        'Give files that belong together',
    );
  }
  return { path, images, labels };
}

/**
 * The files of LeCun and Zalando have a hyphen in their names; Kaggle's have a dot, and sometimes a folder around each.
 */
function findFile(directory: string, what: string, format: string): string {
  const names = [`${what}-${format}`, `${what}.${format}`].flatMap((name) => [name, `${name}.gz`]);
  const paths = ['', ...names].flatMap((folder) => names.map((name) => join(directory, folder, name)));
  const found = paths.find(isFile);
  if (found !== undefined) return found;
  throw new DataError(
    `there is neither ${paths[0]} nor ${names[2]}, plain or with .gz. Give a folder that holds MNIST's four IDX files`,
  );
}

function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
  } catch (error) {
    throw unreadable(error, path, 'IDX file');
  }
}

function openSplit({ path, images, labels }: IdxSplit, classes: readonly string[], { limit }: IdxOptions): ImageSource {
  const [, height, width] = images.shape;
  const area = height * width;
  const chosen = chooseEvenly(labels.values, limit);
  const pixels = (position: number): Uint8Array => images.values.subarray(position * area, (position + 1) * area);
  return {
    length: chosen.length,
    classes,
    label: (index) => labels.values[chosen[index]],
    name: (index) => `${path}[${chosen[index]}]`,
    image: (index) => grayToRgb(height, width, pixels(chosen[index])),
    fingerprint: () => fingerprintImages(classes.length, chosen, labels.values, pixels),
  };
}

/** Hashes the pixels and positions of images, since images of all classes share one order. */
function fingerprintImages(
  classes: number,
  chosen: Uint32Array,
  labels: Uint8Array,
  pixels: (position: number) => Uint8Array,
): ClassFingerprint[] {
  const parts = Array.from({ length: classes }, (): (string | Uint8Array)[] => []);
  for (const position of chosen) parts[labels[position]].push(`${position}:`, pixels(position));
  return parts.map((images) => ({ images: images.length / 2, hash: hashOf(images) }));
}

function grayToRgb(height: number, width: number, gray: Uint8Array): Image {
  const pixels = new Uint8Array(3 * gray.length);
  for (let i = 0; i < gray.length; i++) pixels.fill(gray[i], 3 * i, 3 * i + 3);
  return { height, width, pixels };
}

function largest(labels: Uint8Array): number {
  return labels.reduce((most, label) => Math.max(most, label), 0);
}
