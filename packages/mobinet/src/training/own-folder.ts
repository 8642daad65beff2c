import { mkdir, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { checkArgument, checkKinds, kinds } from '../data/arguments.js';
import { type FolderLock, lockFolder } from '../files/lock-folder.js';
import { makeFolders } from '../files/make-folders.js';
import { checkWritable } from '../files/save-file.js';
import { explainWriteError, hasCode } from '../files/write-error.js';
import { packedFile } from './files.js';
import { bestFile, checkpointFile, metricsFile, refuseToOverwrite, reportFile } from './run-folder.js';

/** The folder of a run, locked by this process until it is closed. */
export interface OwnFolder {
  /** Its path. */
  readonly path: string;
  /** Releases the lock. Removes the folder if it was created for the run and is still empty. */
  close(): Promise<void>;
}

/**
 * Locks a folder for a run, and creates it if necessary. Anything that would prevent the run from being saved is an
 * error now, not after hours of training.
 *
 * @param path The path of the folder.
 * @param options Optional.
 * @param options.resumed Whether the run in the folder is being resumed. Any other run would overwrite its checkpoint.
 *   Default false.
 * @throws DataError if the folder contains another run, is in use by another process, or cannot be written to.
 * @example
 * ```ts
 * import { existsSync } from 'node:fs';
 * import { mkdtemp, rm } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { ownFolder } from 'mobinet';
 *
 * const parent = await mkdtemp(join(tmpdir(), 'mobinet-'));
 * const folder = await ownFolder(join(parent, 'photos')); // for train(run, dataset, { out: folder })
 * console.log(existsSync(folder.path));
 * await folder.close();
 * console.log(existsSync(folder.path)); // removed, since it is still empty
 * // → true
 * // → false
 * await rm(parent, { recursive: true });
 * ```
 */
export async function ownFolder(path: string, options: { readonly resumed?: boolean } = {}): Promise<OwnFolder> {
  checkArgument('ownFolder: the path', path, kinds.path);
  checkKinds('ownFolder', options, { resumed: kinds.flag });
  const { resumed = false } = options;
  const made = await makeFolder(path, true);
  return lock(path, made, resumed);
}

/**
 * Creates and locks a folder for a new run, named after the local time, plus a number if that exists already.
 *
 * @param parent The folder in which it is created, such as `runs`. It is created, too, if necessary.
 * @throws DataError if it cannot be created or written to.
 * @example
 * ```ts
 * import { mkdtemp, rm } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { basename, join } from 'node:path';
 * import { ownNewFolder } from 'mobinet';
 *
 * const parent = await mkdtemp(join(tmpdir(), 'mobinet-'));
 * const folder = await ownNewFolder(parent); // such as 2026-01-31-17-05-09
 * console.log(/^\d{4}(-\d{2}){5}$/.test(basename(folder.path)));
 * // → true
 * await folder.close();
 * await rm(parent, { recursive: true });
 * ```
 */
export async function ownNewFolder(parent: string): Promise<OwnFolder> {
  checkArgument('ownNewFolder: the path', parent, kinds.path);
  const parentMade = await makeFolder(parent, true);
  const name = join(parent, timeStamp());
  for (let count = 1; ; count++) {
    const path = count === 1 ? name : `${name}-${count}`;
    const made = await makeFolder(path, false).catch((error: unknown) => {
      if (!hasCode((error as Error).cause, 'EEXIST')) throw error;
      return null;
    });
    if (made !== null) return lock(path, parentMade ?? made, false);
  }
}

/** @returns The outermost folder that had to be created. */
async function makeFolder(path: string, recursive: boolean): Promise<string | undefined> {
  try {
    if (recursive) return await makeFolders(path);
    await mkdir(path);
    return path;
  } catch (error) {
    throw await explainWriteError(error, path);
  }
}

async function lock(path: string, made: string | undefined, resumed: boolean): Promise<OwnFolder> {
  let folderLock: FolderLock | undefined;
  const close = async (): Promise<void> => {
    folderLock?.release();
    await removeEmpty(path, made);
  };
  try {
    folderLock = await lockFolder(path);
    // Checked under the lock, so that a run that has just ended in this folder has saved its checkpoint.
    if (!resumed) await refuseToOverwrite(path);
    for (const name of [checkpointFile, bestFile, metricsFile, packedFile, reportFile])
      await checkWritable(join(path, name));
    return { path, close };
  } catch (error) {
    await close();
    throw await explainWriteError(error, path);
  }
}

/** Removes a folder and its parents, as far as they are empty, up to the outermost one that was created. */
async function removeEmpty(path: string, outermost: string | undefined): Promise<void> {
  if (outermost === undefined) return;
  const last = resolve(outermost);
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    const isGone = await rmdir(folder).then(
      () => true,
      () => false,
    );
    if (!isGone || folder === last) return;
  }
}

/** The local time as a folder name: 2026-01-31-17-05-09. */
function timeStamp(): string {
  const now = new Date();
  const local = new Date(now.getTime() - now.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace(/[T:]/g, '-');
}
