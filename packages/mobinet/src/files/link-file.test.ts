import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../data/fixtures.test.helper.js';
import { faultyFileSystem } from './faulty.test.helper.js';
import { linkFile } from './link-file.js';
import { saveFile } from './save-file.js';

let folder: string;
let first: string;
let second: string;

beforeEach(async () => {
  folder = temporaryFolder();
  [first, second] = ['first', 'second'].map((name) => join(folder, name));
  await saveFile(first, 'one');
});

describe('linkFile', () => {
  test('creates a link that keeps its contents when the original is replaced', async () => {
    await linkFile(first, second);
    expect(statSync(second).ino).toBe(statSync(first).ino);
    await saveFile(first, 'two');
    expect([first, second].map((file) => readFileSync(file, 'utf8'))).toEqual(['two', 'one']);
    await linkFile(first, second);
    expect(readFileSync(second, 'utf8')).toBe('two');
    expect(readdirSync(folder)).toEqual(['first', 'second']);
  });

  test('leaves no temporary file if the link already exists', async () => {
    for (let time = 0; time < 2; time++) await linkFile(first, second);
    expect(readdirSync(folder)).toEqual(['first', 'second']);
  });

  test('copies on a file system without hard links', async () => {
    await linkFile(first, second, faultyFileSystem({ errors: { link: 'EPERM' } }));
    expect(statSync(second).ino).not.toBe(statSync(first).ino);
    expect(readFileSync(second, 'utf8')).toBe('one');
  });

  test('leaves an existing file unchanged if it fails, and says why', async () => {
    writeFileSync(second, 'before');
    await expect(linkFile(first, second, faultyFileSystem({ errors: { rename: 'EIO' } }))).rejects.toThrow(
      /^the disk of .*second reports a write error/,
    );
    await expect(linkFile(join(folder, 'none'), join(folder, 'no', 'x'))).rejects.toThrow(/there is no folder .*no\./);
    expect(readFileSync(second, 'utf8')).toBe('before');
    expect(readdirSync(folder)).toEqual(['first', 'second']);
  });
});
