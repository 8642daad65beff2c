import { extname, join } from 'node:path';
import { DataError, wrongLayout } from './errors.js';
import {
  composed,
  contains,
  describeOthers,
  isHidden,
  kindOf,
  listFolder,
  listFolderImages,
  realPath,
} from './folder-images.js';
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
 * Lists the images of a class, in its folder and all subfolders: see `listFolderImages`.
 * @throws DataError if something cannot be read, or if there are no images.
 */
export function listImages({ name, path }: ClassFolder, ignored: IgnoredFiles): ClassImages {
  const { files, otherFiles } = listFolderImages(path, ignored);
  if (files.length === 0) {
    throw wrongLayout(
      `${path} holds no images${describeOthers(otherFiles)}. ` +
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

function ignore(ignored: IgnoredFiles, reason: Parameters<IgnoredFiles['add']>[0], path: string): [] {
  ignored.add(reason, path);
  return [];
}
