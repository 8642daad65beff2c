import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { DataError } from './errors.js';
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

  test('reads from a server, and tells what it answers instead', async () => {
    const server = createServer(({ url }, response) => response.writeHead(url === '/model' ? 200 : 404).end('abc'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    expect(new TextDecoder().decode(await readBytes(new URL(`http://127.0.0.1:${port}/model`)))).toBe('abc');
    const missing = `http://127.0.0.1:${port}/none`;
    await expect(readBytes(missing, 'model')).rejects.toThrow(
      'cannot read the model: the server answers 404 Not Found',
    );
    server.close();
  });

  test('a file that is not there, or no file, is one line', async () => {
    const none = join(temporaryFolder(), 'none');
    await expect(readBytes(none, 'model')).rejects.toThrow(new DataError(`there is no model at ${none}`));
    await expect(readBytes(temporaryFolder(), 'model')).rejects.toThrow(/^cannot read the model: EISDIR/);
  });
});
