import { type Dirent, existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { extname, join, sep } from 'node:path';
import { DataError, unreadable } from './errors.js';
import type { IgnoredFiles } from './ignored-files.js';
import { imageExtensions, unsupportedImageExtensions } from './image-extensions.js';

/** What a folder and its subfolders hold. */
export interface FolderImages {
  /** The images, as paths relative to the folder, with slashes, in order. */
  readonly files: readonly string[];
  /** The number of other files of each extension. */
  readonly otherFiles: ReadonlyMap<string, number>;
}

/** Which entries of a folder to list. */
export interface Selection {
  /** Whether an entry is selected, given by its path in the folder. A selected folder is listed with all it contains. */
  selects(path: string): boolean;
  /** How many levels of subfolders to search for selected entries. */
  readonly depth: number;
}

/** Selects everything. */
const everything: Selection = { selects: () => true, depth: Number.POSITIVE_INFINITY };

/**
 * Lists the images in a folder and all its subfolders: the files with an image extension. As in torchvision's
 * ImageFolder, they are sorted by folder, then by name, by code unit. Links are followed, but no folder is read twice.
 *
 * @param ignored Collects all other entries, as far as they are selected.
 * @throws DataError if something cannot be read.
 */
export function listFolderImages(root: string, ignored: IgnoredFiles, selection = everything): FolderImages {
  const realRoot = realPath(root);
  const seen = new Set([realRoot]);
  const folders: { path: string; files: string[] }[] = [];
  const otherFiles = new Map<string, number>();

  const visit = (folder: string, real: string, { selects, depth }: Selection): void => {
    const files: string[] = [];
    folders.push({ path: folder, files });
    for (const entry of listFolder(join(root, folder))) {
      const within = folder === '' ? entry.name : `${folder}/${entry.name}`;
      const path = join(root, within);
      const isSelected = selects(composed(within));
      if (!isSelected && (depth === 0 || isHidden(entry))) continue;
      const kind = isHidden(entry) ? 'hidden' : kindOf(entry, path);
      if (kind === 'folder') {
        const target = entry.isSymbolicLink() ? realPath(path) : join(real, entry.name);
        // A link to a parent folder would bring in images from outside of this one, such as those of other classes.
        if (seen.has(target) || contains(target, realRoot)) ignored.add('folders already read', path);
        else {
          seen.add(target);
          visit(within, target, isSelected ? everything : { selects, depth: depth - 1 });
        }
      } else if (!isSelected) continue;
      else if (kind === 'hidden') ignored.add('hidden files', path);
      else if (kind === 'broken') ignored.add('broken links', path);
      else if (kind === 'other') ignored.add('special files', path);
      else {
        const extension = extname(entry.name).toLowerCase();
        if (imageExtensions.has(extension)) files.push(within);
        else {
          otherFiles.set(extension, (otherFiles.get(extension) ?? 0) + 1);
          const isImage = unsupportedImageExtensions.has(extension);
          ignored.add(isImage ? 'images in unsupported formats' : 'files without an image extension', path);
        }
      }
    }
  };
  visit('', realRoot, selection);
  const files = folders.sort((a, b) => byCodeUnit(composed(a.path), composed(b.path))).flatMap(({ files }) => files);
  return { files, otherFiles };
}

/** Lists the extensions of files for an error, such as ", only other files (3 × .txt)". Empty if there are none. */
export function describeOthers(otherFiles: ReadonlyMap<string, number>): string {
  if (otherFiles.size === 0) return '';
  const found = Array.from(otherFiles, ([extension, count]) => `${count} × ${extension || 'no extension'}`);
  return `, only other files (${found.join(', ')})`;
}

/** The entries of a folder, sorted by name by code unit, so that the order is the same on every machine. */
export function listFolder(folder: string): Dirent[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    const damaged = entries.find(({ name }) => name.includes('\ufffd') && !existsSync(join(folder, name)));
    if (damaged) throw new DataError(`${join(folder, damaged.name)} has a name that is not UTF-8. Rename it`);
    return entries.sort((a, b) => byCodeUnit(composed(a.name), composed(b.name)));
  } catch (error) {
    throw error instanceof DataError ? error : cannotRead(folder, error);
  }
}

/** The kind of an entry, or of what it links to. */
export function kindOf(entry: Dirent, path: string): 'file' | 'folder' | 'broken' | 'other' {
  let item: Pick<Dirent, 'isFile' | 'isDirectory'> | undefined = entry;
  if (entry.isSymbolicLink()) {
    try {
      item = statSync(path, { throwIfNoEntry: false });
    } catch (error) {
      if (!brokenLinkCodes.has((error as NodeJS.ErrnoException).code)) throw cannotRead(path, error);
      item = undefined;
    }
  }
  if (!item) return 'broken';
  return item.isFile() ? 'file' : item.isDirectory() ? 'folder' : 'other';
}

/** Error codes of links to a missing file, to themselves, and through a file. */
const brokenLinkCodes: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ELOOP', 'ENOTDIR']);

/**
 * The path of a folder without links.
 * @throws DataError if there is none.
 */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw cannotRead(path, error);
  }
}

/** The error for a folder of images that cannot be read. */
export function cannotRead(path: string, error: unknown): DataError {
  return unreadable(error, path, 'image folder');
}

/** Whether an entry is hidden, as names with a leading dot are on Unix. */
export const isHidden = ({ name }: Dirent): boolean => name.startsWith('.');

/** A name in Unicode's composed form (NFC), which does not depend on the file system. */
export const composed = (name: string): string => name.normalize('NFC');

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Whether `path` is `folder` or lies inside it. */
export const contains = (folder: string, path: string): boolean => `${path}${sep}`.startsWith(`${folder}${sep}`);
