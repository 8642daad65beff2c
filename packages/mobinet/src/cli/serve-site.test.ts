import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fc, test } from '@fast-check/vitest';
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import { sharedFolder } from '../training/fixtures.test.helper.js';
import { serveSite } from './serve-site.js';

const folder = join(sharedFolder(), 'site');
const model = new Uint8Array(3_000_000).map((_, i) => i);
const page = '<title>a page</title>';
const files: Record<string, string> = {
  'index.html': page,
  'assets/page.js': 'export {};',
  'with space.css': 'p {}',
  'model.mobinet.safetensors': 'the model of the site',
  'module.wasm': 'wasm',
};
let [server, open, named]: Server[] = [];

beforeAll(async () => {
  mkdirSync(join(folder, 'assets'), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  writeFileSync(join(folder, '../secret.txt'), 'secret');
  server = await listening({ model });
  open = await listening({ host: '0.0.0.0' });
  named = await listening({ host: 'Workshop.lan' });
  // The files must not be read again.
  rmSync(folder, { recursive: true });
});

afterAll(() => {
  for (const each of [server, open, named]) each.close();
});

// Whatever was requested, the server answers the next request.
afterEach(async () => expect(await (await fetch(urlOf(server))).text()).toBe(page));

async function listening(options: Parameters<typeof serveSite>[1]): Promise<Server> {
  const started = serveSite(folder, options).listen(0, '127.0.0.1');
  await once(started, 'listening');
  return started;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;
const urlOf = (server: Server, path = '/'): string => `http://127.0.0.1:${portOf(server)}${path}`;

/** The response of a server to exactly these bytes, after which the connection is half-closed. */
async function responseTo(
  bytes: string | Uint8Array,
  target = server,
): Promise<{ status: number; head: string; body: string }> {
  const socket: Socket = connect(portOf(target), '127.0.0.1');
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => {});
  socket.end(bytes);
  // Not `once` of node:events, which rejects if the server resets the connection.
  await new Promise((resolve) => socket.once('close', resolve));
  const [head, ...body] = text.split('\r\n\r\n');
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 0), head, body: body.join('\r\n\r\n') };
}

const request = (line: string, ...headers: string[]): string =>
  `${[`${line} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`;

describe('serveSite', () => {
  test.each([
    ['/', 200, 'text/html; charset=utf-8', page],
    ['/index.html', 200, 'text/html; charset=utf-8', page],
    ['/?x=1', 200, 'text/html; charset=utf-8', page],
    ['/assets/page.js?x=1#y', 200, 'text/javascript; charset=utf-8', 'export {};'],
    ['/with%20space.css', 200, 'text/css; charset=utf-8', 'p {}'],
    ['/module.wasm', 200, 'application/wasm', 'wasm'],
    ['/none.js', 404, 'text/plain; charset=utf-8', 'file not found\n'],
  ])('answers %s with %d', async (path, status, type, text) => {
    const response = await fetch(urlOf(server, path));
    expect(response.status).toBe(status);
    expect(response.headers.get('Content-Type')).toBe(type);
    expect(await response.text()).toBe(text);
  });

  test('serves the given model, whatever the query', async () => {
    for (const query of ['', '?x=1', '?', '?a=/../b', '?%00']) {
      const response = await fetch(urlOf(server, `/model.mobinet.safetensors${query}`));
      expect(Buffer.from(await response.arrayBuffer()).equals(model)).toBe(true);
    }
  });

  test('sends the security headers with every response, including errors', async () => {
    for (const path of ['/', '/none', '/model.mobinet.safetensors', '/%E0%A4']) {
      const { headers } = await fetch(urlOf(server, path));
      expect(headers.get('Cross-Origin-Opener-Policy')).toBe('same-origin');
      expect(headers.get('Cross-Origin-Embedder-Policy')).toBe('require-corp');
      expect(headers.get('X-Content-Type-Options')).toBe('nosniff');
      expect(headers.get('Referrer-Policy')).toBe('no-referrer');
      expect(headers.get('Content-Security-Policy')).toMatch(
        /^default-src 'none'; script-src 'self' 'wasm-unsafe-eval';/,
      );
      expect(headers.get('Content-Security-Policy')).not.toContain("'unsafe-inline'");
    }
  });

  test('answers HEAD like GET, without the bytes', async () => {
    const [got, head] = [
      await responseTo(request('GET /model.mobinet.safetensors')),
      await responseTo(request('HEAD /model.mobinet.safetensors')),
    ];
    const undated = (head: string): string => head.replace(/^Date: .*$/m, '');
    expect(undated(head.head)).toBe(undated(got.head));
    expect(head.head).toContain(`Content-Length: ${model.length}`);
    expect([got.body.length, head.body.length]).toEqual([model.length, 0]);
  });

  test('does not resend a file that the browser already has', async () => {
    const first = await fetch(urlOf(server, '/model.mobinet.safetensors'));
    const etag = first.headers.get('ETag')!;
    await first.arrayBuffer();
    expect(first.headers.get('Cache-Control')).toBe('no-cache');
    for (const [tags, status] of [
      [etag, 304],
      [`"other", W/${etag}`, 304],
      ['*', 304],
      ['"other"', 200],
      ['"""', 200],
    ] as const) {
      const { status: found, body } = await responseTo(
        request('GET /model.mobinet.safetensors', `If-None-Match: ${tags}`),
      );
      expect([found, body.length], tags).toEqual([status, status === 304 ? 0 : model.length]);
    }
  });

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND'])('refuses %s', async (method) => {
    const { status, head } = await responseTo(request(`${method} /`));
    expect(status).toBe(405);
    expect(head).toContain('\r\nAllow: GET, HEAD\r\n');
  });

  test.each([
    'bytes=9-1',
    'bytes=-1',
    'bytes=5-',
    'bytes=-',
    'bytes=99999999-',
    'bytes=1e9-2',
    'bytes=0-1,4-5',
    'bytes=a-b',
    'bytes',
    '',
    'lines=1-2',
    `bytes=${'0-1,'.repeat(2000)}`,
    'bytes=-99999999999999999999',
    'bytes=NaN-Infinity',
  ])('serves the whole file for the range %j', async (range) => {
    for (const method of ['GET', 'HEAD']) {
      const { status, body } = await responseTo(
        request(`${method} /assets/page.js`, `Range: ${range}`, 'If-Range: "x"'),
      );
      expect([status, body]).toEqual([200, method === 'GET' ? 'export {};' : '']);
    }
  });

  test.each([
    ['/%E0%A4', 400],
    ['/%', 400],
    ['/%zz', 400],
    ['*', 400],
    ['http://localhost/', 400],
    ['\\', 400],
    ['/%00', 404],
    ['//', 404],
    ['//localhost/', 404],
    ['/../secret.txt', 404],
    ['/%2e%2e/secret.txt', 404],
    ['/..%2fsecret.txt', 404],
    ['/assets/../../secret.txt', 404],
    ['/..\\secret.txt', 404],
    ['/assets', 404],
    ['/__proto__', 404],
    ['/constructor', 404],
    [`/${'a'.repeat(8000)}`, 404],
    ['/\u00e9', 400],
  ])('answers the path %s with %d', async (path, expected) => {
    const { status, body } = await responseTo(request(`GET ${path}`));
    expect(status).toBe(expected);
    expect(body).not.toContain('secret');
  });

  test('accepts requests only under its own host names, so that no other site can read its files', async () => {
    const statusOf = async (target: Server, host: string): Promise<number> =>
      (await responseTo(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, target)).status;
    for (const host of ['localhost', 'LOCALHOST:1', '127.0.0.1', '127.0.0.1:8080', '[::1]', '[::1]:80']) {
      for (const each of [server, open, named]) expect(await statusOf(each, host), host).toBe(200);
    }
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      'evil.example:80',
      '',
      ' ',
      'a@localhost',
      '[',
      '::1',
      'localhost:',
    ]) {
      for (const each of [server, open, named]) expect([400, 403], host).toContain(await statusOf(each, host));
    }
    expect(await statusOf(server, '192.168.1.2')).toBe(403);
    expect(await statusOf(open, '192.168.1.2:8080')).toBe(200);
    expect(await statusOf(open, '[fe80::1]:8080')).toBe(200);
    expect(await statusOf(open, hostname())).toBe(200);
    expect(await statusOf(named, 'workshop.lan:80')).toBe(200);
    expect(await statusOf(named, '192.168.1.2')).toBe(403);
    // HTTP/1.0 allows requests without a host.
    expect((await responseTo('GET / HTTP/1.0\r\n\r\n')).status).toBe(403);
  });

  test('survives requests that are too large, incomplete or aborted', async () => {
    expect((await responseTo(request('GET /', `X: ${'x'.repeat(100_000)}`))).status).toBe(431);
    expect((await responseTo(request('GET /', 'Upgrade: websocket', 'Connection: Upgrade'))).status).toBe(200);
    expect((await responseTo(request('GET /', 'Expect: 100-continue'))).status).not.toBe(500);
    expect((await responseTo(request('GET /', 'Content-Length: 5', 'Content-Length: 6'))).status).toBe(400);
    await responseTo(request('CONNECT localhost:1'));
    await responseTo(request('POST /', 'Content-Length: 100000000').concat('x'.repeat(100_000)));
    for (const leaveAfter of ['GET / HT', request('GET /model.mobinet.safetensors').repeat(20)]) {
      const socket = connect(portOf(server), '127.0.0.1').on('error', () => {});
      socket.write(leaveAfter);
      await sleep(20);
      socket.resetAndDestroy();
    }
  });

  test.prop(
    [
      fc.array(
        fc.oneof(
          fc.constantFrom(
            'GET ',
            '/',
            '%',
            '..',
            '\0',
            '\r\n',
            'Host: localhost',
            'Range: bytes=',
            'HTTP/1.1',
            '-',
            ':',
            '?',
          ),
          fc.string(),
        ),
        { maxLength: 12 },
      ),
    ],
    { numRuns: 100 },
  )('survives arbitrary bytes', async (parts) => {
    await responseTo(`GET /${parts.join('')} HTTP/1.1\r\nHost: localhost\r\n${parts.join('')}\r\n\r\n`);
  });
});
