import { type Dirent, existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { extname, join, sep } from 'node:path';
import { DataError, unreadable } from './errors.js';
import type { IgnoredFiles } from './ignored-files.js';
import { imageExtensions, unsupportedImageExtensions } from './image-extensions.js';

/** The folder with the images of one class. */
export interface ClassFolder {
  /** Its name in Unicode's composed form (NFC), which does not depend on the file system. */
  readonly name: string;
  readonly path: string;
}

/** The images of a class. */
export interface ClassImages {
  /** Paths relative to the class folder, with slashes, in order. */
  readonly files: readonly string[];
  /** The number of images in unsupported formats. */
  readonly unsupported: number;
}

/**
 * Lists the folders in a folder, sorted by name. Hidden folders and everything else are ignored.
 * @throws DataError if the folder cannot be read, or if two names differ only in their Unicode form.
 */
export function listClassFolders(folder: string, ignored: IgnoredFiles): ClassFolder[] {
  const real = realPath(folder);
  const classes = listFolder(folder).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (isHidden(entry)) return ignore(ignored, 'hidden files', path);
    const kind = kindOf(entry, path);
    if (kind === 'broken') return ignore(ignored, 'broken links', path);
    if (kind !== 'folder') return ignore(ignored, 'files outside class folders', path);
    if (entry.isSymbolicLink() && contains(realPath(path), real)) {
      return ignore(ignored, 'folders already read', path);
    }
    return [{ name: composed(entry.name), path }];
  });
  classes.forEach(({ name, path }, index) => {
    if (index === 0 || classes[index - 1].name !== name) return;
    throw new DataError(
      `${classes[index - 1].path} and ${path} have the same name in different Unicode forms. Rename one of them`,
    );
  });
  return classes;
}

/**
 * Lists the images of a class: files with an image extension in its folder and all subfolders. As in torchvision's
 * ImageFolder, they are sorted by folder, then by name, by code unit. Links are followed, but no folder is read twice.
 *
 * @throws DataError if something cannot be read, or if there are no images.
 */
export function listImages({ name, path: root }: ClassFolder, ignored: IgnoredFiles): ClassImages {
  const realRoot = realPath(root);
  const seen = new Set([realRoot]);
  const folders: { path: string; files: string[] }[] = [];
  const otherFiles = new Map<string, number>();

  const visit = (folder: string, real: string): void => {
    const files: string[] = [];
    folders.push({ path: folder, files });
    for (const entry of listFolder(join(root, folder))) {
      const within = folder === '' ? entry.name : `${folder}/${entry.name}`;
      const path = join(root, within);
      const kind = isHidden(entry) ? 'hidden' : kindOf(entry, path);
      if (kind === 'hidden') ignored.add('hidden files', path);
      else if (kind === 'broken') ignored.add('broken links', path);
      else if (kind === 'other') ignored.add('special files', path);
      else if (kind === 'file') {
        const extension = extname(entry.name).toLowerCase();
        if (imageExtensions.has(extension)) files.push(within);
        else {
          otherFiles.set(extension, (otherFiles.get(extension) ?? 0) + 1);
          const isImage = unsupportedImageExtensions.has(extension);
          ignored.add(isImage ? 'images in unsupported formats' : 'files without an image extension', path);
        }
      } else {
        const target = entry.isSymbolicLink() ? realPath(path) : join(real, entry.name);
        // A link to a parent folder would bring in the other classes.
        if (seen.has(target) || contains(target, realRoot)) ignored.add('folders already read', path);
        else {
          seen.add(target);
          visit(within, target);
        }
      }
    }
  };
  visit('', realRoot);

  const files = folders.sort((a, b) => byCodeUnit(composed(a.path), composed(b.path))).flatMap(({ files }) => files);
  if (files.length === 0) {
    const found = Array.from(otherFiles, ([extension, count]) => `${count} × ${extension || 'no extension'}`).join(
      ', ',
    );
    const what = found === '' ? '' : `, only other files (${found})`;
    throw new DataError(
      `${root} holds no images${what}. ` +
        `Add files with the extensions ${[...imageExtensions].join(' ')}, or remove the class ${name} from all splits`,
    );
  }
  const images = [...otherFiles].filter(([extension]) => unsupportedImageExtensions.has(extension));
  return { files, unsupported: images.reduce((sum, [, count]) => sum + count, 0) };
}

/** Whether a folder holds images itself, not only in subfolders. */
export function holdsImages(folder: string): boolean {
  return listFolder(folder).some((entry) => !isHidden(entry) && imageExtensions.has(extname(entry.name).toLowerCase()));
}

/** The entries of a folder, sorted by name by code unit, so that the order is the same on every machine. */
function listFolder(folder: string): Dirent[] {
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
function kindOf(entry: Dirent, path: string): 'file' | 'folder' | 'broken' | 'other' {
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

function realPath(path: string): string {
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

function ignore(ignored: IgnoredFiles, reason: Parameters<IgnoredFiles['add']>[0], path: string): [] {
  ignored.add(reason, path);
  return [];
}

const isHidden = ({ name }: Dirent): boolean => name.startsWith('.');
const composed = (name: string): string => name.normalize('NFC');
const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Whether `path` is `folder` or lies inside it. */
const contains = (folder: string, path: string): boolean => `${path}${sep}`.startsWith(`${folder}${sep}`);
