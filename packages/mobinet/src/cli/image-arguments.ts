import { type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { DataError, wrongLayout } from '../data/errors.js';
import { describeOthers, listFolderImages } from '../data/folder-images.js';
import { parseGlob } from '../data/glob.js';
import { IgnoredFiles } from '../data/ignored-files.js';
import { imageExtensions } from '../data/image-extensions.js';

/** Whether an argument is the URL of an image rather than a path. */
export const isImageUrl = (argument: string): boolean => /^https?:\/\//i.test(argument);

/**
 * Lists the images that arguments name: files and URLs, unchanged, and in their place the images of folders and globs.
 * Only folders are read here. Broken files and URLs are found when they are decoded.
 *
 * @param onWarning Called with one line for each folder or glob with ignored files.
 * @throws DataError if a URL is invalid, a folder cannot be read, or a folder or glob has no images.
 */
export function listImageArguments(images: readonly string[], onWarning: (message: string) => void): readonly string[] {
  return images.flatMap((argument) => {
    if (isImageUrl(argument)) return checkUrl(argument);
    checkScheme(argument);
    const item = itemAt(argument);
    if (item?.isDirectory()) return imagesIn(argument, onWarning);
    // A file whose name looks like a glob, such as photo[1].jpg, is meant literally.
    return (item === undefined && imagesMatching(argument, onWarning)) || argument;
  });
}

function imagesIn(folder: string, onWarning: (message: string) => void): readonly string[] {
  const ignored = new IgnoredFiles();
  const { files, otherFiles } = listFolderImages(folder, ignored);
  if (files.length === 0) {
    throw wrongLayout(`${folder} holds no images${describeOthers(otherFiles)}. ${needsExtension}`);
  }
  ignored.report(folder, onWarning);
  return files.map((file) => join(folder, file));
}

/** The images that match a glob, for shells that leave this to programs. Null if the argument is none. */
function imagesMatching(argument: string, onWarning: (message: string) => void): readonly string[] | null {
  const glob = parseGlob(argument);
  if (glob === null) return null;
  const ignored = new IgnoredFiles();
  const { files, otherFiles } = listFolderImages(glob.folder, ignored, glob.selection);
  if (files.length === 0) {
    throw wrongLayout(`no images match ${argument}${describeOthers(otherFiles)}. ${needsExtension}`);
  }
  ignored.report(argument, onWarning);
  return files.map((file) => join(glob.folder, file));
}

const needsExtension = `Check the path; images have the extensions ${[...imageExtensions].join(' ')}`;

/** What is at a path. If that cannot be found out, reading the image will show why. */
function itemAt(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function checkUrl(argument: string): string {
  if (URL.canParse(argument)) return argument;
  throw new DataError(`${argument} is not a valid URL. Check its server and port`);
}

function checkScheme(argument: string): void {
  const scheme = /^([a-z][a-z\d+.-]+):\/\//i.exec(argument)?.[1];
  if (scheme === undefined) return;
  throw new DataError(
    `${argument}: ${scheme} URLs are not supported, only http and https. Download the image and give its path`,
  );
}
