import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { DataError } from '../data/errors.js';
import { temporaryFolder } from '../data/fixtures.test.helper.js';
import { asNobody } from '../files/nobody.test.helper.js';
import { ownFolder, ownNewFolder } from './own-folder.js';
import { checkpointFile } from './run-folder.js';

let parent: string;

beforeEach(() => {
  parent = temporaryFolder();
});

describe('ownFolder', () => {
  test('creates and locks a folder, and removes it if nothing was saved', async () => {
    const path = join(parent, 'a', 'b');
    const folder = await ownFolder(path);
    expect(folder.path).toBe(path);
    await expect(ownFolder(path)).rejects.toThrow(/b is in use by process \d+ on /);
    await expect(ownFolder(path, { resumed: true })).rejects.toThrow(/is in use/);
    await folder.close();
    expect(readdirSync(parent)).toEqual([]);
  });

  test('keeps folders that existed before and folders that are not empty', async () => {
    const [empty, used] = ['empty', 'used'].map((name) => join(parent, name));
    mkdirSync(empty);
    await (await ownFolder(empty)).close();
    const folder = await ownFolder(used);
    writeFileSync(join(used, checkpointFile), '');
    await folder.close();
    expect(readdirSync(parent).sort()).toEqual(['empty', 'used']);
    expect(readdirSync(used)).toEqual([checkpointFile]);
    // Only the resumed run may write to a folder that contains a run.
    await expect(ownFolder(used)).rejects.toThrow(/checkpoint\.safetensors exists\. Resume that run with --resume/);
    await (await ownFolder(used, { resumed: true })).close();
    expect(readdirSync(used)).toEqual([checkpointFile]);
  });

  test('refuses a folder that cannot be written to, and leaves nothing behind', async () => {
    await asNobody(async () => {
      const closed = temporaryFolder();
      chmodSync(closed, 0o555);
      for (const path of [closed, join(closed, 'new', 'run')]) {
        await expect(ownFolder(path)).rejects.toThrow(DataError);
        await expect(ownFolder(path)).rejects.toThrow(
          /^no permission to write [^\n]*\. Change the permissions [^\n]*$/,
        );
      }
      expect(readdirSync(closed)).toEqual([]);
      chmodSync(closed, 0o755);
    });
    const file = join(parent, 'file');
    writeFileSync(file, '');
    await expect(ownFolder(file)).rejects.toThrow(/file is a file, not a folder\. Choose another$/);
    await expect(ownFolder(join(file, 'run'))).rejects.toThrow(/file is not a folder/);
    const taken = join(parent, 'taken');
    mkdirSync(join(taken, 'model.mobinet.safetensors'), { recursive: true });
    await expect(ownFolder(taken)).rejects.toThrow(/model\.mobinet\.safetensors is a folder, not a file/);
    expect(readdirSync(taken)).toEqual(['model.mobinet.safetensors']);
  });
});

describe('ownNewFolder', () => {
  test('creates a different folder for each run, even for runs that start in the same second', async () => {
    const runs = join(parent, 'runs');
    const folders = await Promise.all(Array.from({ length: 5 }, () => ownNewFolder(runs)));
    expect(new Set(folders.map(({ path }) => path)).size).toBe(5);
    for (const { path } of folders) {
      expect(existsSync(path)).toBe(true);
      expect(path).toMatch(/\d{4}(-\d\d){5}(-\d)?$/);
    }
    for (const folder of folders) await folder.close();
    // The parent remains if the run that created it does not close last.
    expect(readdirSync(parent).flatMap((name) => readdirSync(join(parent, name)))).toEqual([]);
  });
});
