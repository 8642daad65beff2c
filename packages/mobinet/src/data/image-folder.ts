import { type Dirent, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DataError, messageOf } from './errors.js';
import { chooseEvenly, type ImageDataset, type ImageSource } from './source.js';

export interface ImageFolderOptions {
  /** Use only this many images of each split, drawn evenly over the classes. Default: all. */
  limit?: number;
}

/**
 * Opens a folder of images as ImageNet lays it out: `DIR/train/<class>/*` and `DIR/val/<class>/*`.
 *
 * Classes and files are sorted by name (by code unit: alike on every machine), hidden ones are left out. Files are
 * not looked into: what they hold shows when they are decoded.
 *
 * @throws DataError if a folder is missing, empty or unreadable, or if the splits differ in their classes.
 */
export function openImageFolder(directory: string, options: ImageFolderOptions = {}): ImageDataset {
  checkFolder(directory, 'Give a folder that holds train/<class>/ and val/<class>/.');
  const train = listClasses(directory, 'train');
  const val = listClasses(directory, 'val');
  checkSameClasses(directory, train, 'train', val, 'val');
  checkSameClasses(directory, val, 'val', train, 'train');
  return {
    classes: train,
    train: openSplit(join(directory, 'train'), train, options),
    val: openSplit(join(directory, 'val'), train, options),
  };
}

function listClasses(directory: string, split: 'train' | 'val'): string[] {
  const folder = join(directory, split);
  checkFolder(folder, `${directory} must hold train/<class>/ and val/<class>/.`);
  const classes = listFolder(folder, (entry) => isKind(folder, entry, 'isDirectory'));
  if (classes.length === 0) {
    throw new DataError(
      `${folder} holds no class folders. Put the images of each class into ${join(folder, '<class>')}.`,
    );
  }
  return classes;
}

function checkSameClasses(
  directory: string,
  classes: readonly string[],
  split: string,
  others: readonly string[],
  otherSplit: string,
): void {
  const known = new Set(others);
  const missing = classes.filter((name) => !known.has(name));
  if (missing.length === 0) return;
  const more = missing.length > 3 ? ` and ${missing.length - 3} more` : '';
  throw new DataError(
    `${directory}: ${split} has classes that ${otherSplit} lacks: ${missing.slice(0, 3).join(', ')}${more}. ` +
      'Both splits need the same class folders.',
  );
}

function openSplit(folder: string, classes: readonly string[], { limit }: ImageFolderOptions): ImageSource {
  const files: string[] = [];
  const labels: number[] = [];
  classes.forEach((name, label) => {
    const classFolder = join(folder, name);
    const names = listFolder(classFolder, (entry) => isKind(classFolder, entry, 'isFile'));
    if (names.length === 0) {
      throw new DataError(`${classFolder} holds no images. Add some, or remove the class from both train and val.`);
    }
    for (const file of names) {
      files.push(file);
      labels.push(label);
    }
  });
  const chosen = chooseEvenly(labels, limit);
  const path = (index: number): string => join(folder, classes[labels[chosen[index]]], files[chosen[index]]);
  return { length: chosen.length, classes, label: (index) => labels[chosen[index]], name: path, image: path };
}

/** The names in a folder that `wanted` accepts, sorted, without hidden ones. */
function listFolder(folder: string, wanted: (entry: Dirent) => boolean): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.name.startsWith('.') && wanted(entry))
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    throw new DataError(`cannot read ${folder}: ${messageOf(error)}. Check its permissions.`, { cause: error });
  }
}

/** Links count as what they point at. One that points nowhere counts as a file, so that its loss is reported. */
function isKind(folder: string, entry: Dirent, kind: 'isFile' | 'isDirectory'): boolean {
  if (!entry.isSymbolicLink()) return entry[kind]();
  const target = statSync(join(folder, entry.name), { throwIfNoEntry: false });
  return target ? target[kind]() : kind === 'isFile';
}

function checkFolder(path: string, remedy: string): void {
  let isFolder: boolean | undefined;
  try {
    isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory();
  } catch (error) {
    throw new DataError(`cannot read ${path}: ${messageOf(error)}. Check its permissions.`, { cause: error });
  }
  if (isFolder === undefined) throw new DataError(`there is no folder ${path}. ${remedy}`);
  if (!isFolder) throw new DataError(`${path} is not a folder. ${remedy}`);
}
