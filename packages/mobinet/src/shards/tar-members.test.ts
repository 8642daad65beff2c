import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packTar } from 'modern-tar';
import { describe, expect, test } from 'vitest';
import { temporaryFolder, writeFiles } from '../data/fixtures.test.helper.js';
import { tarMembers } from './tar-members.js';

const hasTar = spawnSync('tar', ['--version'], { encoding: 'utf8' }).stdout?.includes('GNU tar') ?? false;

/** The files of an archive in memory, with their contents. */
const filesOf = (bytes: Buffer): [string, string][] =>
  Array.from(
    tarMembers('a.tar', (start, length) => bytes.subarray(start, start + length), bytes.length),
    ({ name, start, length }) => [name, bytes.toString('utf8', start, start + length)],
  );

const small = async (): Promise<Buffer> =>
  Buffer.from(
    await packTar([
      { header: { name: 'one.txt', size: 3 }, body: 'one' },
      { header: { name: 'folder/', size: 0, type: 'directory' } },
      { header: { name: 'folder/two.txt', size: 0 }, body: '' },
      { header: { name: 'three.txt', size: 1024 }, body: '3'.repeat(1024) },
    ]),
  );

describe('the members of a tar archive', () => {
  test('are its files, in order', async () => {
    expect(filesOf(await small())).toEqual([
      ['one.txt', 'one'],
      ['folder/two.txt', ''],
      ['three.txt', '3'.repeat(1024)],
    ]);
  });

  test.skipIf(!hasTar).each(['ustar', 'gnu', 'oldgnu', 'pax', 'v7'])(
    'are found in the format %s of GNU tar',
    (format) => {
      const folder = temporaryFolder();
      // The first name fits into the field of a name, the second into name and prefix, the third into neither.
      const names = ['a.jpg', `${'folder/'.repeat(14)}${'n'.repeat(60)}.jpg`, `ü/${'m'.repeat(200)}.jpg`];
      const used = format === 'v7' ? names.slice(0, 1) : format === 'ustar' ? names.slice(0, 2) : names;
      writeFiles(folder, Object.fromEntries(used.map((name, i) => [name, `contents ${i}`])));
      execFileSync('tar', [`--format=${format}`, '-cf', 'made.tar', ...used], { cwd: folder });
      expect(filesOf(readFileSync(join(folder, 'made.tar')))).toEqual(used.map((name, i) => [name, `contents ${i}`]));
    },
  );

  test('may be larger than 8 GiB', async () => {
    const bytes = await small();
    const size = 9 * 2 ** 30;
    bytes.writeUIntBE(0x80, 124, 1);
    bytes.fill(0, 125, 136);
    bytes.writeUIntBE(size, 130, 6);
    let sum = 8 * 32;
    for (let i = 0; i < 512; i++) if (i < 148 || i >= 156) sum += bytes[i];
    bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    const read = (start: number, length: number): Buffer =>
      start < 512 ? bytes.subarray(start, start + length) : Buffer.alloc(length);
    expect([...tarMembers('a.tar', read, size + 1536)]).toEqual([{ name: 'one.txt', start: 512, length: size }]);
  });

  test('are not taken from an archive that is cut off or damaged', async () => {
    const bytes = await small();
    expect(() => filesOf(bytes.subarray(0, 3000))).toThrow(/^a\.tar is cut off within three\.txt\. Copy/);
    expect(() => filesOf(bytes.subarray(0, 1024))).toThrow(/^a\.tar is cut off after one\.txt: the end/);
    expect(() => filesOf(bytes.subarray(0, 1100))).toThrow(/^a\.tar is damaged after one\.txt: there is no tar header/);
    expect(() => filesOf(Buffer.alloc(0))).toThrow(/^a\.tar is cut off after its beginning/);
    for (const at of [0, 100, 130, 156, 300, 1024 + 5]) {
      const damaged = Buffer.from(bytes);
      damaged[at] ^= 4;
      expect(() => filesOf(damaged)).toThrow(/^a\.tar is damaged after .*: there is no tar header at byte \d+\. Copy/);
    }
  });
});
