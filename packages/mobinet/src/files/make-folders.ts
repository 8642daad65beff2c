import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { hasCode } from './write-error.js';

/**
 * Makes a folder, and those around it that are missing. Node's own `mkdir` with `recursive` never ends where a folder is there but takes
 * no other, such as /proc (nodejs/node, as of version 20).
 *
 * @returns The outermost folder that had to be made; undefined where all were there.
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
      // Another process may have made it just now.
      if (hasCode(error, 'EEXIST') && (await isFolder(folder))) continue;
      // What is in the way is a file, further up than what was asked for.
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
