import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { DataError } from '../data/errors.js';
import { temporaryFolder } from '../data/fixtures.test.helper.js';
import { faultyFileSystem } from './faulty.test.helper.js';
import { type FileSystem, nodeFileSystem } from './file-system.js';
import { saveFolder } from './save-folder.js';

const contents = new Map<string, string | Uint8Array>([
  ['index.html', '<!doctype html>'],
  ['src/deep/code.ts', 'export {};'],
  ['model', Uint8Array.from({ length: 1000 }, (_, i) => i % 251)],
]);

let parent: string;
let folder: string;

beforeEach(() => {
  parent = temporaryFolder();
  folder = join(parent, 'site');
});

const filesIn = (path: string): string[] => readdirSync(path, { recursive: true, encoding: 'utf8' }).sort();

async function problemOf(saving: Promise<void>): Promise<string> {
  const error = await saving.then(
    () => null,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(DataError);
  expect((error as DataError).message).not.toMatch(/\n|\.tmp/);
  return (error as DataError).message;
}

describe('saveFolder', () => {
  test('writes all files, in a new folder or an empty one', async () => {
    for (const make of [() => {}, () => mkdirSync(join(parent, 'other'))]) {
      make();
      const path = existsSync(folder) ? join(parent, 'other') : folder;
      await saveFolder(path, contents);
      for (const [name, content] of contents) {
        expect(readFileSync(join(path, name)).equals(Buffer.from(content as Uint8Array)), name).toBe(true);
      }
    }
    expect(readdirSync(parent)).toEqual(['other', 'site']);
  });

  test('refuses a folder with files, a file, and a place that does not exist, and changes nothing', async () => {
    mkdirSync(folder);
    writeFileSync(join(folder, 'own.txt'), 'mine');
    writeFileSync(join(parent, 'file'), '');
    const before = filesIn(parent);
    expect(await problemOf(saveFolder(folder, contents))).toMatch(/site is not empty, and was left unchanged\. Choose/);
    expect(await problemOf(saveFolder(join(parent, 'file'), contents))).toMatch(
      /file is not a folder\. Choose another/,
    );
    expect(await problemOf(saveFolder(join(parent, 'file/site'), contents))).toMatch(/file is not a folder\. Choose/);
    expect(await problemOf(saveFolder(join(parent, 'none/site'), contents))).toMatch(
      /there is no folder .*none\. Create/,
    );
    expect(filesIn(parent)).toEqual(before);
    expect(readFileSync(join(folder, 'own.txt'), 'utf8')).toBe('mine');
  });

  test('leaves nothing behind when the disk fails, at whatever step', async () => {
    const full = await problemOf(saveFolder(folder, contents, faultyFileSystem({ room: 500 })));
    expect(full).toMatch(/^no space left for .*site/);
    for (const errors of [{ open: 'EACCES' }, { sync: 'EIO' }, { close: 'ENOSPC' }, { rename: 'EIO' }]) {
      await problemOf(saveFolder(folder, contents, faultyFileSystem({ errors })));
      expect(readdirSync(parent)).toEqual([]);
    }
    const lastStepFails: FileSystem = {
      ...nodeFileSystem,
      rename: (from, to) =>
        to === folder
          ? faultyFileSystem({ errors: { rename: 'EIO' } }).rename(from, to)
          : nodeFileSystem.rename(from, to),
    };
    expect(await problemOf(saveFolder(folder, contents, lastStepFails))).toMatch(/reports a write error \(EIO\)/);
    expect(readdirSync(parent)).toEqual([]);
  });

  test('keeps files that appear in an empty folder while it writes', async () => {
    mkdirSync(folder);
    const slow: FileSystem = {
      ...nodeFileSystem,
      async rename(from, to) {
        await nodeFileSystem.rename(from, to);
        writeFileSync(join(folder, 'own.txt'), 'mine');
      },
    };
    expect(await problemOf(saveFolder(folder, contents, slow))).toMatch(/is not empty/);
    expect(filesIn(parent)).toEqual(['site', 'site/own.txt']);
  });

  test('a process that ends in the middle leaves nothing; one that is killed leaves nothing that stays', async () => {
    const module = JSON.stringify(new URL('./save-folder.js', import.meta.url).href);
    const system = JSON.stringify(new URL('./file-system.js', import.meta.url).href);
    const program = (end: string): string => `
      import { saveFolder } from ${module};
      import { nodeFileSystem } from ${system};
      const files = { ...nodeFileSystem, rename: () => ${end} };
      await saveFolder(${JSON.stringify(folder)}, new Map([['a', 'b']]), files);`;
    const run = (end: string) => spawnSync(process.execPath, ['--input-type=module', '-e', program(end)]);
    expect(run('process.exit(3)').status).toBe(3);
    expect(readdirSync(parent)).toEqual([]);
    expect(run("process.kill(process.pid, 'SIGKILL')").signal).toBe('SIGKILL');
    expect(readdirSync(parent)).toEqual([expect.stringMatching(/^\.mobinet-.*\.tmp$/)]);
    await saveFolder(folder, contents);
    expect(readdirSync(parent)).toEqual(['site']);
  });
});
