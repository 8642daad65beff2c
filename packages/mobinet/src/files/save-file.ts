import { type Stats, unlinkSync } from 'node:fs';
import { open, readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { DataError } from '../data/errors.js';
import { type FileSystem, nodeFileSystem, type OpenFile } from './file-system.js';
import { removeAbandoned, temporaryName } from './temporary-files.js';
import { explained, hasCode } from './write-error.js';

/**
 * Writes a file whole, or leaves it as it was: to a temporary file beside it, which is checked, brought to the disk, and renamed into place.
 * A symbolic link stays one, an existing file keeps its mode and owner.
 *
 * @throws DataError, one line with the remedy, if it cannot be written, or if `path` is no regular file. Nothing is left beside it then.
 */
export async function saveFile(
  path: string,
  content: Uint8Array | string,
  files: FileSystem = nodeFileSystem,
): Promise<void> {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  try {
    const existing = await writableFile(path);
    const target = await followLinks(path);
    await removeAbandoned(dirname(target));
    await replace(target, bytes, existing, files);
  } catch (error) {
    throw await explained(error, path, bytes.length);
  }
}

/**
 * Throws what `saveFile` would of a file that is there: so that nobody works for hours first.
 * @throws DataError if it cannot be replaced.
 */
export async function checkWritable(path: string): Promise<void> {
  try {
    await writableFile(path);
    await followLinks(path);
  } catch (error) {
    throw await explained(error, path);
  }
}

/** Where a chain of symbolic links ends, whether or not there is a file yet. */
async function followLinks(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    const folder = await realpath(dirname(path));
    const link = await readlink(path).catch(() => null);
    return link === null ? join(folder, basename(path)) : followLinks(resolve(folder, link));
  }
}

/** The file that will be replaced, at the end of links, if there is one. @throws DataError if it is not one to write to. */
async function writableFile(path: string): Promise<Stats | null> {
  let found: Stats;
  try {
    found = await stat(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
  if (!found.isFile()) {
    throw new DataError(`${path} is ${kindOf(found)}, not a file, and is left as it is. Name a file to write`);
  }
  // One that is protected stays: renaming would ask for no permission of its own.
  await (await open(path, 'r+')).close();
  return found;
}

function kindOf(found: Stats): string {
  if (found.isDirectory()) return 'a folder';
  if (found.isFIFO()) return 'a pipe';
  if (found.isSocket()) return 'a socket';
  return 'a device';
}

/** Temporary files of this process, to be removed if it must end in the middle. */
const unfinished = new Set<string>();

function removeUnfinished(): void {
  for (const path of unfinished) {
    try {
      unlinkSync(path);
    } catch {
      // The next who writes there will find it.
    }
  }
}

async function replace(target: string, bytes: Uint8Array, existing: Stats | null, files: FileSystem): Promise<void> {
  const temporary = join(dirname(target), temporaryName());
  if (unfinished.size === 0) process.on('exit', removeUnfinished);
  unfinished.add(temporary);
  try {
    const file = await files.open(temporary, 'wx', existing ? existing.mode & 0o777 : 0o666);
    try {
      await writeWhole(file, bytes);
      if (existing) await keepOwnerAndMode(file, existing);
      await sync(file);
      const { size } = await file.stat();
      if (size !== bytes.length) {
        throw new DataError(`the disk has kept ${size} of the ${bytes.length} bytes of ${target}`);
      }
    } finally {
      await file.close();
    }
    await files.rename(temporary, target);
  } catch (error) {
    await files.unlink(temporary).catch(() => {});
    throw error;
  } finally {
    unfinished.delete(temporary);
    if (unfinished.size === 0) process.off('exit', removeUnfinished);
  }
  await syncFolder(dirname(target), files);
}

/** A write may take only a part of what it was given: so it does on a disk that fills up. */
async function writeWhole(file: OpenFile, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done);
    if (bytesWritten === 0) throw new DataError('the disk takes no more bytes, and does not say why');
    done += bytesWritten;
  }
}

async function keepOwnerAndMode(file: OpenFile, { uid, gid, mode }: Stats): Promise<void> {
  // Only the superuser gives files away; whoever else may write here becomes the owner.
  await file.chown(uid, gid).catch(() => {});
  // Some file systems know no modes.
  await file.chmod(mode & 0o7777).catch(() => {});
}

/** Some network and user-space file systems cannot be asked to. */
async function sync(file: OpenFile): Promise<void> {
  try {
    await file.sync();
  } catch (error) {
    if (!hasCode(error, 'EINVAL', 'ENOTSUP', 'ENOSYS', 'EPERM')) throw error;
  }
}

/** Brings the new name to the disk, too, where folders can be opened. */
async function syncFolder(folder: string, files: FileSystem): Promise<void> {
  const handle = await files.open(folder, 'r').catch(() => null);
  if (!handle) return;
  try {
    await sync(handle);
  } finally {
    await handle.close();
  }
}
