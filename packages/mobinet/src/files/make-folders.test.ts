import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sharedFolder } from '../training/fixtures.test.helper.js';
import { makeFolders } from './make-folders.js';
import { explained } from './write-error.js';

const folder = sharedFolder();

const problemOf = async (path: string): Promise<string> => {
  const error = await makeFolders(path).catch((error: unknown) => error);
  return (await explained(error, path)).message;
};

describe('makeFolders', () => {
  test('makes those that are missing, and tells the outermost', async () => {
    const path = join(folder, 'a', 'b', 'c');
    expect(await makeFolders(path)).toBe(join(folder, 'a'));
    expect(existsSync(path)).toBe(true);
    expect(await makeFolders(path)).toBeUndefined();
    expect(await makeFolders(join(folder, 'a', 'd'))).toBe(join(folder, 'a', 'd'));
  });

  test('can be asked for one folder by several at once', async () => {
    const path = join(folder, 'many', 'hands');
    await Promise.all(Array.from({ length: 8 }, () => makeFolders(path)));
    expect(existsSync(path)).toBe(true);
  });

  test('names a file that is in the way', async () => {
    writeFileSync(join(folder, 'file'), '');
    expect(await problemOf(join(folder, 'file'))).toBe(`${join(folder, 'file')} is a file, not a folder. Name another`);
    mkdirSync(join(folder, 'other'));
    writeFileSync(join(folder, 'other', 'file'), '');
    const deeper = join(folder, 'other', 'file', 'x');
    expect(await problemOf(deeper)).toBe(
      `${deeper} cannot be written: ${join(folder, 'other', 'file')} is no folder. Name another`,
    );
  });

  // Node's own never comes back from there.
  test.runIf(existsSync('/proc/self'))('says where there can be no folder', async () => {
    expect(await problemOf('/proc/x')).toBe('/proc/x cannot be made: /proc takes no new files. Name another folder');
  });
});
