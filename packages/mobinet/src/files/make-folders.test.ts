import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sharedFolder } from '../training/fixtures.test.helper.js';
import { makeFolders } from './make-folders.js';
import { explainWriteError } from './write-error.js';

const folder = sharedFolder();

const problemOf = async (path: string): Promise<string> => {
  const error = await makeFolders(path).catch((error: unknown) => error);
  return (await explainWriteError(error, path)).message;
};

describe('makeFolders', () => {
  test('creates missing folders, and returns the outermost', async () => {
    const path = join(folder, 'a', 'b', 'c');
    expect(await makeFolders(path)).toBe(join(folder, 'a'));
    expect(existsSync(path)).toBe(true);
    expect(await makeFolders(path)).toBeUndefined();
    expect(await makeFolders(join(folder, 'a', 'd'))).toBe(join(folder, 'a', 'd'));
  });

  test('may be called concurrently for the same folder', async () => {
    const path = join(folder, 'many', 'hands');
    await Promise.all(Array.from({ length: 8 }, () => makeFolders(path)));
    expect(existsSync(path)).toBe(true);
  });

  test('names a file that is in the way', async () => {
    writeFileSync(join(folder, 'file'), '');
    expect(await problemOf(join(folder, 'file'))).toBe(
      `${join(folder, 'file')} is a file, not a folder. Choose another`,
    );
    mkdirSync(join(folder, 'other'));
    writeFileSync(join(folder, 'other', 'file'), '');
    const deeper = join(folder, 'other', 'file', 'x');
    expect(await problemOf(deeper)).toBe(
      `cannot write ${deeper}: ${join(folder, 'other', 'file')} is not a folder. Choose another`,
    );
  });

  // Node's own recursive mkdir never returns there.
  test.runIf(existsSync('/proc/self'))('explains a parent that accepts no folders', async () => {
    expect(await problemOf('/proc/x')).toBe('cannot create /proc/x: /proc accepts no new files. Choose another folder');
  });
});
