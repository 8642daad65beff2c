import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DataError, messageOf } from '../data/errors.js';

/**
 * What went wrong with a file or folder that was to be written, in one line: what, where, and how to mend it.
 * @param bytes How many the file has.
 */
export async function explained(error: unknown, path: string, bytes?: number): Promise<DataError> {
  const folder = dirname(path);
  const say = (message: string) => new DataError(message, { cause: error });
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOSPC': {
      const free = await freeBytes(folder);
      const needed = bytes === undefined ? '' : `: it takes ${inBytes(bytes)}`;
      const left = free === null ? '' : `${needed === '' ? ':' : ', and'} ${inBytes(free)} are free`;
      return say(`no space is left for ${path}${needed}${left}. Make room, or write to another disk. ${unchanged}`);
    }
    case 'EDQUOT':
      return say(`your quota has no room for ${path}. Remove files, or write elsewhere. ${unchanged}`);
    case 'EFBIG':
      return say(
        `${path} would have more bytes than a file may have here. Raise the limit (ulimit -f), or write to another disk. ${unchanged}`,
      );
    case 'EACCES':
    case 'EPERM':
      return say(`${path} may not be written. Change the permissions of the file or of its folder, or write elsewhere`);
    case 'EROFS':
      return say(`${path} is on a disk that is mounted for reading only. Write to another folder`);
    case 'ENOENT':
      if (await isThere(folder))
        return say(`${path} cannot be made: ${folder} takes no new files. Name another folder`);
      return say(`${path} cannot be written: there is no folder ${folder}. Make it, or name another`);
    case 'ENOTDIR':
      return say(`${path} cannot be written: ${folder} is no folder. Name another`);
    case 'EEXIST':
      return say(`${path} is a file, not a folder. Name another`);
    case 'ELOOP':
      return say(
        `${path} cannot be written: it is a symbolic link that leads back to itself. Remove it, or name another`,
      );
    case 'ENAMETOOLONG':
      return say(`${path} cannot be written: the name is too long. Choose a shorter one`);
    case 'EIO':
      return say(`the disk of ${path} reports an error (EIO) in writing. Look after the disk, or write to another`);
  }
  if (error instanceof DataError) return error;
  return say(`cannot write ${path}: ${messageOf(error)}`);
}

const unchanged = 'A file that was there before is unchanged';

const inBytes = (count: number): string => `${count.toLocaleString('en-US')} bytes`;

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Bytes that are left for us on the disk of a folder; null where that is not told. */
async function freeBytes(folder: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    return null;
  }
}

/** Whether an error is one of these of the operating system. */
export const hasCode = (error: unknown, ...codes: readonly string[]): boolean =>
  codes.includes((error as NodeJS.ErrnoException).code ?? '');
