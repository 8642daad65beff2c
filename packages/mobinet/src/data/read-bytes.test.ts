import { symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { DataError, unreadable } from './errors.js';
import { temporaryFolder } from './fixtures.test.helper.js';
import { readBytes } from './read-bytes.js';

describe('readBytes', () => {
  test('reads a file, by its path or its URL', async () => {
    const path = join(temporaryFolder(), 'ä b.bin');
    writeFileSync(path, Uint8Array.of(1, 2, 3));
    for (const source of [path, pathToFileURL(path), pathToFileURL(path).href]) {
      expect([...(await readBytes(source))]).toEqual([1, 2, 3]);
    }
  });

  test('reads from a server, and reports its error status', async () => {
    const server = createServer(({ url }, response) => response.writeHead(url === '/model' ? 200 : 404).end('abc'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    expect(new TextDecoder().decode(await readBytes(new URL(`http://127.0.0.1:${port}/model`)))).toBe('abc');
    const missing = `http://127.0.0.1:${port}/none`;
    await expect(readBytes(missing, 'model')).rejects.toThrow(
      `cannot read the model ${missing}: the server responded with 404 Not Found. Check the URL`,
    );
    server.close();
  });

  test('a missing file and a folder give one line each', async () => {
    const none = join(temporaryFolder(), 'none');
    await expect(readBytes(none, 'model')).rejects.toThrow(
      new DataError(`there is no model at ${none}. Check the path`),
    );
    await expect(readBytes(temporaryFolder(), 'model')).rejects.toThrow(/ is a folder\. Name the model in it$/);
  });

  test('an unreachable server is reported by its URL and the cause', async () => {
    const { port } = await new Promise<{ port: number }>((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => {
        const address = server.address() as { port: number };
        server.close(() => resolve(address));
      });
    });
    const url = `http://127.0.0.1:${port}/model`;
    await expect(readBytes(url, 'model')).rejects.toThrow(
      `cannot read the model ${url}: connect ECONNREFUSED 127.0.0.1:${port}. Check the URL`,
    );
  });

  test('each error of the operating system has its own remedy', async () => {
    const folder = temporaryFolder();
    const [loop, file] = [join(folder, 'loop'), join(folder, 'file')];
    symlinkSync(loop, loop);
    writeFileSync(file, '');
    const cases: [path: unknown, message: RegExp][] = [
      [loop, /a symbolic link leads back to itself\. Remove the link$/],
      [join(file, 'x'), /: part of this path is a file, not a folder\. Check the path$/],
      [join(folder, 'a'.repeat(300)), /^the path of the model is too long: .{60}…\. Check the path$/],
      ['-', /^cannot read the model from standard input\. Name a file instead of -$/],
      [
        's3://a/b',
        /^s3:\/\/a\/b: s3 URLs are not supported, only http and https\. Download the file and give its path$/,
      ],
      ['a\0b', /^invalid path for the model: "a\\u0000b"$/],
      [undefined, /^the model must be a path or a URL, not undefined$/],
      [{}, /^the model must be a path or a URL, not \{\}$/],
    ];
    for (const [path, message] of cases) await expect(readBytes(path as string, 'model')).rejects.toThrow(message);
    // Root may read everything, and no test exhausts file handles or breaks a disk, so only the codes are tested.
    for (const [code, remedy] of Object.entries({ EACCES: 'permissions', EMFILE: 'ulimit -n', EIO: 'disk' })) {
      const { message } = unreadable(Object.assign(new Error(`${code}: x`), { code }), 'm', 'model');
      expect(message).toContain(remedy);
      expect(message.includes('permissions')).toBe(code === 'EACCES');
    }
  });
});
