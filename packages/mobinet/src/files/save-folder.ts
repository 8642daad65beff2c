import { rmSync } from 'node:fs';
import { lstat, mkdir, readdir, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DataError } from '../data/errors.js';
import { type FileSystem, nodeFileSystem } from './file-system.js';
import { makeFolders } from './make-folders.js';
import { saveFile } from './save-file.js';
import { removeAbandoned, temporaryName } from './temporary-files.js';
import { explainWriteError, hasCode } from './write-error.js';

/**
 * Writes a new folder with all its files, or nothing: they are written to a temporary folder beside it, which is then
 * renamed. An empty folder is replaced.
 *
 * @param contents The files by their paths in the folder, with `/` between names.
 * @throws DataError, one line with the remedy, if the folder exists and is not empty, or cannot be written. No temporary
 * folder is left.
 */
export async function saveFolder(
  path: string,
  contents: ReadonlyMap<string, Uint8Array | string>,
  files: FileSystem = nodeFileSystem,
): Promise<void> {
  const target = resolve(path);
  const draft = join(dirname(target), temporaryName());
  try {
    await refuseUnlessEmpty(path);
    await removeAbandoned(dirname(target));
    await mkdir(draft);
    await removing(draft, async () => {
      for (const [name, content] of contents) {
        const file = join(draft, name);
        await makeFolders(dirname(file));
        await saveFile(file, content, files);
      }
      await removeEmpty(path);
      await files.rename(draft, target);
    });
  } catch (error) {
    // Errors of saveFile name the temporary folder.
    const cause = error instanceof DataError ? error.cause : null;
    throw await explainWriteError(cause ?? error, path);
  }
}

/** Runs `work`, and then removes what is left of the folder `draft`, also if the process exits before. */
async function removing(draft: string, work: () => Promise<void>): Promise<void> {
  const remove = (): void => {
    try {
      rmSync(draft, { recursive: true, force: true });
    } catch {
      // The next process that writes there removes it.
    }
  };
  process.on('exit', remove);
  try {
    await work();
  } finally {
    process.off('exit', remove);
    remove();
  }
}

async function refuseUnlessEmpty(path: string): Promise<void> {
  try {
    if (!(await lstat(path)).isDirectory()) throw new DataError(`${path} is not a folder. Choose another name`);
    if ((await readdir(path)).length > 0) throw notEmpty(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

/** Removes a folder that is still empty, since not all systems rename over one. */
async function removeEmpty(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    if (hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw notEmpty(path);
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

const notEmpty = (path: string): DataError =>
  new DataError(`${path} is not empty, and was left unchanged. Choose the name of a new folder`);
