import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DataError, messageOf } from '../data/errors.js';

/**
 * Explains why a file or folder could not be written: one line that says what, where, and how to fix it.
 * @param bytes The size of the file.
 */
export async function explainWriteError(error: unknown, path: string, bytes?: number): Promise<DataError> {
  const folder = dirname(path);
  const failure = (message: string) => new DataError(message, { cause: error });
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOSPC': {
      const free = await freeBytes(folder);
      const needed = bytes === undefined ? '' : `: it needs ${inBytes(bytes)}`;
      const left = free === null ? '' : `${needed === '' ? ':' : ', and'} ${inBytes(free)} are free`;
      return failure(
        `no space left for ${path}${needed}${left}. Free up space, or write to another disk. ${unchanged}`,
      );
    }
    case 'EDQUOT':
      return failure(`${path} exceeds your disk quota. Remove files, or write elsewhere. ${unchanged}`);
    case 'EFBIG':
      return failure(
        `${path} exceeds the maximum file size. Raise the limit (ulimit -f), or write to another disk. ${unchanged}`,
      );
    case 'EACCES':
    case 'EPERM':
      return failure(
        `no permission to write ${path}. Change the permissions of the file or its folder, or write elsewhere`,
      );
    case 'EROFS':
      return failure(`${path} is on a read-only disk. Write to another folder`);
    case 'ENOENT':
      if (await isThere(folder))
        return failure(`cannot create ${path}: ${folder} accepts no new files. Choose another folder`);
      return failure(`cannot write ${path}: there is no folder ${folder}. Create it, or choose another`);
    case 'ENOTDIR':
      return failure(`cannot write ${path}: ${folder} is not a folder. Choose another`);
    case 'EEXIST':
      return failure(`${path} is a file, not a folder. Choose another`);
    case 'ELOOP':
      return failure(
        `cannot write ${path}: it is a symbolic link that leads back to itself. Remove it, or choose another`,
      );
    case 'ENAMETOOLONG':
      return failure(`cannot write ${path}: the name is too long. Choose a shorter one`);
    case 'EIO':
      return failure(`the disk of ${path} reports a write error (EIO). Check the disk, or write to another`);
  }
  if (error instanceof DataError) return error;
  return failure(`cannot write ${path}: ${messageOf(error)}`);
}

const unchanged = 'An existing file is unchanged';

const inBytes = (count: number): string => `${count.toLocaleString('en-US')} bytes`;

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** The bytes available to this user on the disk of a folder; null if unknown. */
async function freeBytes(folder: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    return null;
  }
}

/** Whether an error of the operating system has one of these codes. */
export const hasCode = (error: unknown, ...codes: readonly string[]): boolean =>
  codes.includes((error as NodeJS.ErrnoException).code ?? '');
