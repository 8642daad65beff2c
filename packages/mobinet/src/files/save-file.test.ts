import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { DataError } from '../data/errors.js';
import { temporaryFolder } from '../data/fixtures.test.helper.js';
import { type Faults, faultyFileSystem } from './faulty.test.helper.js';
import { asNobody } from './nobody.test.helper.js';
import { checkWritable, saveFile } from './save-file.js';

const content = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);

let folder: string;
let file: string;

beforeEach(() => {
  folder = temporaryFolder();
  file = join(folder, 'model.bin');
});

/** The message of the `DataError` that saving throws, which must be one line. */
async function problemOf(saving: Promise<void>): Promise<string> {
  const error = await saving.then(
    () => null,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(DataError);
  expect((error as DataError).message).not.toMatch(/\n/);
  return (error as DataError).message;
}

/** The root of the repository. */
const root = new URL('../../../../', import.meta.url);

test('all other code writes files through saveFile', () => {
  const writers = ['packages', 'examples', 'bench', 'scripts'].flatMap((part) =>
    readdirSync(new URL(part, root), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|mjs)$/.test(name) && !/(^|\/)(dist|node_modules)\/|\.test\.|\.d\.ts$/.test(name))
      .map((name) => `${part}/${name}`)
      .filter((name) =>
        /\b(writeFile(Sync)?|appendFile(Sync)?|createWriteStream|write-file-atomic)\b/.test(
          // Examples in comments write what they like.
          readFileSync(new URL(name, root), 'utf8').replace(/^ *\*.*$/gm, ''),
        ),
      ),
  );
  // A lock is created once, never replaced. The bundler makes what saveFile is imported from, and replaces it as a whole,
  // too. Code blocks of documents are compiled in a folder that lives as long as their test, and virtual hosts have one
  // that lives as long as they do. The benchmark makes thousands of files that nobody keeps.
  expect(writers.toSorted()).toEqual([
    'packages/mobinet/src/files/lock-folder.ts',
    'scripts/lib/bundle-packages.ts',
    'scripts/lib/code-blocks.ts',
    'scripts/lib/virtual-hosts.ts',
    'scripts/shards-bench.ts',
  ]);
});

describe('saveFile', () => {
  test('writes a new file, and replaces one', async () => {
    await saveFile(file, 'first');
    expect(readFileSync(file, 'utf8')).toBe('first');
    await saveFile(file, content);
    expect(readFileSync(file).equals(content)).toBe(true);
    expect(readdirSync(folder)).toEqual([basename(file)]);
  });

  test('writes all bytes, however few each write accepts', async () => {
    for (const longestWrite of [1, 7, 999]) {
      await saveFile(file, content, faultyFileSystem({ longestWrite }));
      expect(readFileSync(file).equals(content)).toBe(true);
    }
    await saveFile(file, new Uint8Array(0));
    expect(statSync(file).size).toBe(0);
  });

  const faults: [what: string, faults: Faults, message: RegExp][] = [
    ...[0, 1, 500, 999].map((room): [string, Faults, RegExp] => [
      `a disk with room for ${room} of 1000 bytes`,
      { room },
      /no space left for .*model\.bin: it needs 1,000 bytes, and [\d,]+ bytes are free\. Free up space/,
    ]),
    ['an exhausted quota', { errors: { write: 'EDQUOT' } }, /model\.bin exceeds your disk quota/],
    ['a limit on file sizes', { errors: { write: 'EFBIG' } }, /ulimit -f/],
    ['a disk that fails to write', { errors: { write: 'EIO' } }, /reports a write error \(EIO\)/],
    ['a disk that fails to sync', { errors: { sync: 'EIO' } }, /reports a write error \(EIO\)/],
    ['a disk that fails on close', { errors: { close: 'EIO' } }, /reports a write error \(EIO\)/],
    ['a rename that fails', { errors: { rename: 'EIO' } }, /reports a write error \(EIO\)/],
    ['a disk that became read-only', { errors: { open: 'EROFS' } }, /on a read-only disk/],
    ['a disk that accepts nothing', { longestWrite: 0 }, /accepts no more bytes/],
    ['a disk that loses bytes', { loses: 3 }, /kept only 997 of the 1000 bytes of .*model\.bin/],
    ['an unknown error', { errors: { write: 'ENXIO' } }, /cannot write .*model\.bin: ENXIO/],
  ];

  test.each(faults)('leaves the file unchanged, and no temporary file: %s', async (_, faults, message) => {
    writeFileSync(file, 'precious');
    expect(await problemOf(saveFile(file, content, faultyFileSystem(faults)))).toMatch(message);
    expect(readFileSync(file, 'utf8')).toBe('precious');
    expect(readdirSync(folder)).toEqual([basename(file)]);
  });

  test.each(['EINVAL', 'ENOTSUP'])('accepts a file system that cannot sync: %s', async (code) => {
    await saveFile(file, content, faultyFileSystem({ errors: { sync: code } }));
    expect(readFileSync(file).equals(content)).toBe(true);
  });

  test('follows symbolic links to existing and to missing files', async () => {
    mkdirSync(join(folder, 'elsewhere'));
    symlinkSync(join('elsewhere', 'target'), file);
    for (const text of ['made', 'replaced']) {
      await saveFile(file, text);
      expect(readlinkSync(file)).toBe(join('elsewhere', 'target'));
      expect(readFileSync(join(folder, 'elsewhere', 'target'), 'utf8')).toBe(text);
    }
    expect(readdirSync(join(folder, 'elsewhere'))).toEqual(['target']);
    symlinkSync('loop', join(folder, 'loop'));
    expect(await problemOf(saveFile(join(folder, 'loop'), ''))).toMatch(/leads back to itself/);
  });

  test('keeps the mode of a file', async () => {
    writeFileSync(file, '');
    for (const mode of [0o600, 0o664, 0o755]) {
      chmodSync(file, mode);
      await saveFile(file, content);
      expect(statSync(file).mode & 0o7777).toBe(mode);
    }
  });

  test('refuses anything but a regular file, and leaves it unchanged', async () => {
    mkdirSync(join(folder, 'folder'));
    expect(await problemOf(saveFile(join(folder, 'folder'), ''))).toMatch(/is a folder, not a file/);
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    expect(await problemOf(saveFile(join(folder, 'pipe'), ''))).toMatch(/is a pipe, not a file/);
    expect(lstatSync(join(folder, 'pipe')).isFIFO()).toBe(true);
    expect(await problemOf(saveFile('/dev/null', ''))).toMatch(/is a device, not a file/);
    expect(lstatSync('/dev/null').isCharacterDevice()).toBe(true);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(folder, 'socket'), resolve));
    expect(await problemOf(saveFile(join(folder, 'socket'), ''))).toMatch(/is a socket, not a file/);
    server.close();
  });

  test('refuses a path that stands for an open pipe and does not exist under its real name', () => {
    const module = JSON.stringify(new URL('./save-file.js', import.meta.url));
    const program = `import(${module}).then(({ saveFile }) => saveFile('/dev/stdout', '')).catch((error) => console.error(error.message));`;
    const { stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
    expect(stderr).toMatch(/^\/dev\/stdout is a (pipe|socket), not a file/);
  });

  test('explains a folder that is missing, or is a file', async () => {
    expect(await problemOf(saveFile(join(folder, 'no', 'x'), ''))).toMatch(/there is no folder .*no\. Create it/);
    writeFileSync(file, '');
    expect(await problemOf(saveFile(join(file, 'x'), ''))).toMatch(/model\.bin is not a folder/);
    expect(await problemOf(saveFile(join(folder, 'x'.repeat(300)), ''))).toMatch(/name is too long/);
  });

  test('accepts a name of the maximum length', async () => {
    await saveFile(join(folder, 'ä'.repeat(127)), content);
    expect(readdirSync(folder)).toEqual(['ä'.repeat(127)]);
  });

  test('explains missing permissions of the file or its folder', async () => {
    await asNobody(async () => {
      const own = temporaryFolder();
      writeFileSync(join(own, 'kept'), 'precious', { mode: 0o444 });
      const message = /no permission to write .*kept\. Change the permissions/;
      expect(await problemOf(saveFile(join(own, 'kept'), content))).toMatch(message);
      expect(await problemOf(checkWritable(join(own, 'kept')))).toMatch(message);
      chmodSync(own, 0o555);
      expect(await problemOf(saveFile(join(own, 'new'), content))).toMatch(/no permission to write .*new\./);
      expect(readdirSync(own)).toEqual(['kept']);
      expect(readFileSync(join(own, 'kept'), 'utf8')).toBe('precious');
      chmodSync(own, 0o755);
    });
  });

  test('removes temporary files of killed processes, but not of running ones', async () => {
    const { pid } = spawnSync(process.execPath, ['--version']);
    const host = hostname();
    const abandoned = [`.mobinet-${pid}-1-0a@${host}.tmp`, `.mobinet-${process.pid}-1-0b@${host}.tmp`];
    const others = [
      `.mobinet-${process.ppid}-unknown-0c@${host}.tmp`,
      `.mobinet-${pid}-1-0d@another.${host}.tmp`,
      `mobinet-${pid}-1-0e@${host}.tmp`,
    ];
    for (const name of [...abandoned, ...others]) writeFileSync(join(folder, name), '');
    await saveFile(file, content);
    expect(readdirSync(folder).sort()).toEqual([...others, basename(file)].sort());
  });
});
