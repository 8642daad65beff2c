import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
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
  readonly shape: readonly number[];
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
 */
export function readIdx(path: string): IdxArray {
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
  return { shape, values: bytes.subarray(header) };
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

/**
 * Opens a folder with the four files of MNIST or Fashion-MNIST: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
 * `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`. Each may have a dot before `idx`, `.gz` at its end, and its
 * own folder of the same name, as in other distributions. Classes are named by their numbers; gray is copied to red,
 * green and blue.
 *
 * @throws DataError if a file is missing or broken, or if images and labels differ in number.
 */
export function openIdx(directory: string, options: IdxOptions = {}): ImageDataset {
  const train = readSplit(directory, 'train');
  const val = readSplit(directory, 't10k');
  const classes = numberedClasses(1 + Math.max(largest(train.labels.values), largest(val.labels.values)));
  checkLimit(options.limit, classes);
  warnOfAbsentClasses(train.path, classes, train.labels.values, options.onWarning);
  return { classes, train: openSplit(train, classes, options), val: openSplit(val, classes, options) };
}

/**
 * Opens only the two `t10k` files of a folder, for evaluation.
 * @param options.classes The least number of classes, since some may have no images.
 * @throws DataError like `openIdx`.
 */
export function openValidationIdx(
  directory: string,
  { classes: least = 1, ...options }: IdxOptions & { classes?: number } = {},
): ValidationSet {
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
