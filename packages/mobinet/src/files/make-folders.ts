import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { hasCode } from './write-error.js';

/**
 * Creates a folder and its missing parents. Node's own `mkdir` with `recursive` never returns for a parent that exists
 * but accepts no new folders, such as /proc (nodejs/node, as of version 20).
 *
 * @returns The outermost folder that was created; undefined if all existed.
 * @throws The error of the operating system.
 */
export async function makeFolders(path: string): Promise<string | undefined> {
  const missing: string[] = [];
  for (let folder = resolve(path); !(await isFolder(folder)); folder = dirname(folder)) {
    missing.unshift(folder);
    if (dirname(folder) === folder) break;
  }
  for (const folder of missing) {
    try {
      await mkdir(folder);
    } catch (error) {
      // Another process may have created it in the meantime.
      if (hasCode(error, 'EEXIST') && (await isFolder(folder))) continue;
      // If one of the parents is a file, the error must say so.
      throw folder === resolve(path) || !hasCode(error, 'EEXIST')
        ? error
        : Object.assign(error as Error, { code: 'ENOTDIR' });
    }
  }
  return missing[0];
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
