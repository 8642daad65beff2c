import { mkdir, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type FolderLock, lockFolder } from '../files/lock-folder.js';
import { makeFolders } from '../files/make-folders.js';
import { checkWritable } from '../files/save-file.js';
import { explainWriteError, hasCode } from '../files/write-error.js';
import { packedFile } from './files.js';
import { bestFile, checkpointFile, metricsFile, refuseToOverwrite } from './run-folder.js';

/** The folder of a run, which belongs to this process until it is closed. */
export interface OwnFolder {
  readonly path: string;
  /** Gives it up. A folder that was made for the run, and in which nothing was saved, goes away again. */
  close(): Promise<void>;
}

/**
 * Takes a folder for a run, and makes it where it is missing. Whatever would keep the run from being saved there is an error now, not after
 * hours of training.
 *
 * @param options.resumed Whether the run in it goes on. Another would overwrite its checkpoint.
 * @throws DataError if another run is in it, or goes on in another process, or if it cannot be written to.
 */
export async function ownFolder(path: string, { resumed = false } = {}): Promise<OwnFolder> {
  const made = await makeFolder(path, true);
  return lock(path, made, resumed);
}

/** Makes a folder for a new run, named after the time. Runs that start in the same second each get their own. */
export async function ownNewFolder(parent: string): Promise<OwnFolder> {
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

/** @returns The outermost folder that had to be made. */
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
    // Under the lock: a run that was in the folder has ended by now, and has left its checkpoint.
    if (!resumed) await refuseToOverwrite(path);
    for (const name of [checkpointFile, bestFile, metricsFile, packedFile]) await checkWritable(join(path, name));
    return { path, close };
  } catch (error) {
    await close();
    throw await explainWriteError(error, path);
  }
}

/** Removes a folder and those around it, up to the outermost that was made, as far as there is nothing in them. */
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

/** Local time as a folder name: 2026-01-31-17-05-09. */
function timeStamp(): string {
  const now = new Date();
  const local = new Date(now.getTime() - now.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace(/[T:]/g, '-');
}
