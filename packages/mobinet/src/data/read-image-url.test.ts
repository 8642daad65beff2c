import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FileError } from './errors.js';
import { readImageUrl } from './read-image-url.js';

/** What the server does for each path. Unknown paths are not found. */
const routes: Record<string, (response: ServerResponse) => void> = {
  '/image': (response) => response.end('12345'),
  '/moved': (response) => response.writeHead(302, { Location: '/image' }).end(),
  '/circle': (response) => response.writeHead(302, { Location: '/circle' }).end(),
  '/busy': (response) => response.writeHead(503).end('later'),
  // In two pieces, and so without a length.
  '/pieces': (response) => {
    response.write('123');
    setImmediate(() => response.end('45'));
  },
  '/announced': (response) => void response.writeHead(200, { 'Content-Length': 1000 }).write('1'),
  '/silent': () => {},
  '/stalled': (response) => void response.write('123'),
  '/cut': (response) => {
    response.writeHead(200, { 'Content-Length': 1000 }).write('123', () => response.destroy());
  },
};
const server = createServer((request, response) => {
  const route = routes[request.url ?? ''];
  if (route) route(response);
  else response.writeHead(404).end();
});
let origin: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

describe('readImageUrl', () => {
  test.each(['/image', '/moved', '/pieces'])('downloads %s, up to the limit', async (path) => {
    expect(String(await readImageUrl(origin + path, { byteLimit: 5 }))).toBe('12345');
  });

  test.each([
    ['/image', 5],
    ['/pieces', 5],
    ['/announced', 1000],
  ])('refuses %s, which is larger than the limit', async (path, length) => {
    const download = readImageUrl(origin + path, { byteLimit: 4 });
    await expect(download).rejects.toThrow(`its ${length} bytes exceed the limit of 4 for a download. Download it`);
    await expect(download).rejects.not.toBeInstanceOf(FileError);
  });

  test.each([
    ['/none', 'the server responded with 404 Not Found. Check the URL'],
    ['/busy', 'the server responded with 503 Service Unavailable. Try again later, or download the file'],
    ['/circle', 'redirect count exceeded. Check the URL'],
    ['/cut', 'other side closed. Check the URL, and that the server is reachable'],
    ['/silent', 'the server sent no data for 0.05 s. Try again later, or download the file and give its path'],
    ['/stalled', 'the server sent no data for 0.05 s. Try again later, or download the file and give its path'],
  ])('explains why %s cannot be read', async (path, message) => {
    // Only servers that never respond may run out of patience.
    const patience = message.includes('0.05 s') ? 50 : 30_000;
    const download = readImageUrl(origin + path, { patience });
    await expect(download).rejects.toThrow(message);
    await expect(download).rejects.toBeInstanceOf(FileError);
  });
});
