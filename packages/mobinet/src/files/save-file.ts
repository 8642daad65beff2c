import { type Stats, unlinkSync } from 'node:fs';
import { open, readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { checkArgument, kinds } from '../data/arguments.js';
import { DataError } from '../data/errors.js';
import { type FileSystem, nodeFileSystem, type OpenFile } from './file-system.js';
import { removeAbandoned, temporaryName } from './temporary-files.js';
import { explainWriteError, hasCode } from './write-error.js';

/**
 * Writes a file atomically: to a temporary file beside it, which is checked, flushed to disk, and renamed into place.
 * Symbolic links are followed, and an existing file keeps its mode and owner.
 *
 * @param path The file, in a folder that exists.
 * @param content Its new contents. A string is written as UTF-8.
 * @param files The file system that it is written to. Default: that of Node.
 * @throws DataError, one line with the remedy, if the file cannot be written, or if `path` is not a regular file. No
 *   temporary file is left, and the old contents are unchanged, unless only the last step failed: flushing the new
 *   name.
 * @example
 * ```ts
 * import { mkdtemp, readFile, rm } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { saveFile } from 'mobinet';
 *
 * const folder = await mkdtemp(join(tmpdir(), 'mobinet-'));
 * const file = join(folder, 'classes.txt');
 * await saveFile(file, 'cat dog');
 * console.log(await readFile(file, 'utf8'));
 * // → cat dog
 * await rm(folder, { recursive: true });
 * ```
 */
export async function saveFile(
  path: string,
  content: Uint8Array | string,
  files: FileSystem = nodeFileSystem,
): Promise<void> {
  checkArgument('saveFile: the path', path, kinds.path);
  if (typeof content !== 'string') checkArgument('saveFile: the content', content, kinds.bytes);
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  try {
    const existing = await writableFile(path);
    const target = await followLinks(path);
    await removeAbandoned(dirname(target));
    await replace(target, bytes, existing, files);
  } catch (error) {
    throw await explainWriteError(error, path, bytes.length);
  }
}

/**
 * Checks whether `saveFile` could replace an existing file, before hours of work are spent on its contents.
 * @throws DataError if it could not.
 */
export async function checkWritable(path: string): Promise<void> {
  try {
    await writableFile(path);
    await followLinks(path);
  } catch (error) {
    throw await explainWriteError(error, path);
  }
}

/** The end of a chain of symbolic links, whether or not that file exists yet. */
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

/**
 * The existing file at the end of all links, or null if there is none.
 * @throws DataError if it is not a regular file.
 */
async function writableFile(path: string): Promise<Stats | null> {
  let found: Stats;
  try {
    found = await stat(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
  if (!found.isFile()) {
    throw new DataError(`${path} is ${kindOf(found)}, not a file, and was left unchanged. Give the path of a file`);
  }
  // Renaming over a write-protected file would need no permission for it, so ask for that permission here.
  await (await open(path, 'r+')).close();
  return found;
}

function kindOf(found: Stats): string {
  if (found.isDirectory()) return 'a folder';
  if (found.isFIFO()) return 'a pipe';
  if (found.isSocket()) return 'a socket';
  return 'a device';
}

/** Temporary files of this process, to be removed if it exits before they are renamed. */
const unfinished = new Set<string>();

function removeUnfinished(): void {
  for (const path of unfinished) {
    try {
      unlinkSync(path);
    } catch {
      // The next process that writes there removes it.
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
        throw new DataError(`the disk kept only ${size} of the ${bytes.length} bytes of ${target}`);
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

/** Writes all bytes. A single write may accept only some of them, for example on a disk that fills up. */
async function writeWhole(file: OpenFile, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done);
    if (bytesWritten === 0) throw new DataError('the disk accepts no more bytes, but reports no error');
    done += bytesWritten;
  }
}

async function keepOwnerAndMode(file: OpenFile, { uid, gid, mode }: Stats): Promise<void> {
  // Only the superuser can give files away; for anyone else, the new file belongs to them.
  await file.chown(uid, gid).catch(() => {});
  // Some file systems have no modes.
  await file.chmod(mode & 0o7777).catch(() => {});
}

/** Flushes a file to disk, if the file system can: some network and user-space file systems cannot. */
async function sync(file: OpenFile): Promise<void> {
  try {
    await file.sync();
  } catch (error) {
    if (!hasCode(error, 'EINVAL', 'ENOTSUP', 'ENOSYS', 'EPERM')) throw error;
  }
}

/** Flushes the new name to disk, too, on systems where folders can be opened. */
async function syncFolder(folder: string, files: FileSystem): Promise<void> {
  const handle = await files.open(folder, 'r').catch(() => null);
  if (!handle) return;
  try {
    await sync(handle);
  } finally {
    await handle.close();
  }
}
