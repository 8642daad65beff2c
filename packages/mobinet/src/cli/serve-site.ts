import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type Server } from 'node:http';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { join, relative, sep } from 'node:path';
import { lookup } from 'mrmime';
import { packedFile } from '../training/files.js';

/** A file as it is served. */
export interface SiteFile {
  readonly bytes: Uint8Array;
  readonly headers: OutgoingHttpHeaders;
}

/** A response. 304 (Not Modified) has no bytes. */
interface SiteResponse {
  readonly status: number;
  readonly headers?: OutgoingHttpHeaders;
  readonly bytes?: Uint8Array;
}

/** What a site may do: use its own files, kernels that it assembles, and images that a user gives it, but nothing else. */
const sitePolicy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "media-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** The headers of every response. Workers need them as much as the page. */
const commonHeaders = {
  // The first two make a page cross-origin isolated, so that its threads may share memory.
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

interface SiteOptions {
  /** Replaces the packed model among the files. */
  readonly model?: Uint8Array;
  /** The host name or address that the server listens on. Default: `'localhost'`. */
  readonly host?: string;
}

/**
 * Creates a server for the files of a folder, with cross-origin isolation. The files are read once, so no request
 * reaches the disk: no path leads out of the folder, and no file can vanish while it is sent. Requests for a `Range`
 * get the whole file, as HTTP permits.
 *
 * @param folder The path of the folder.
 * @param options Optional.
 * @param options.model Replaces the packed model among the files.
 * @param options.host The host name or address that the server listens on. Default: `'localhost'`.
 * @returns A server of Node, which listens when its `listen` is called.
 * @example
 * ```ts
 * import { once } from 'node:events';
 * import { mkdtemp, rm, writeFile } from 'node:fs/promises';
 * import type { AddressInfo } from 'node:net';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { serveSite } from 'mobinet/cli';
 *
 * const folder = await mkdtemp(join(tmpdir(), 'mobinet-'));
 * await writeFile(join(folder, 'index.html'), 'A page');
 * const server = serveSite(folder).listen(0, 'localhost');
 * await once(server, 'listening');
 * const response = await fetch(`http://localhost:${(server.address() as AddressInfo).port}/`);
 * console.log(`${await response.text()}, ${response.headers.get('Cross-Origin-Embedder-Policy')}`);
 * // → A page, require-corp
 * server.close();
 * await rm(folder, { recursive: true });
 * ```
 */
export function serveSite(folder: string, { model, host = 'localhost' }: SiteOptions = {}): Server {
  const files = readFiles(folder);
  if (model) files.set(`/${packedFile}`, siteFile(packedFile, model));
  return serveFiles(files, { host, policy: sitePolicy });
}

interface ServedFiles {
  /** The host name or address that the server listens on. */
  readonly host: string;
  /** The Content-Security-Policy of all files, apart from who may embed them: nobody. */
  readonly policy: string;
}

/** Creates a server for files by their URL paths. The map may change while it is being served. */
export function serveFiles(files: ReadonlyMap<string, SiteFile>, { host, policy }: ServedFiles): Server {
  const security = { 'Content-Security-Policy': `${policy}; frame-ancestors 'none'` };
  return createServer((request, response) => {
    const { status, headers, bytes } = respondTo(request, files, host);
    const length = bytes && { 'Content-Length': bytes.byteLength };
    response.writeHead(status, { ...commonHeaders, ...security, ...length, ...headers });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  });
}

/** All files in a folder and its subfolders, by their URL paths. */
function readFiles(folder: string): Map<string, SiteFile> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    entries.map((entry) => {
      const file = join(entry.parentPath, entry.name);
      const path = `/${relative(folder, file).split(sep).join('/')}`;
      return [path.replace(/\/index\.html$/, '/'), siteFile(entry.name, readFileSync(file))];
    }),
  );
}

/** A file to serve, whose type is that of its name. */
export function siteFile(name: string, bytes: Uint8Array): SiteFile {
  const type = lookup(name) ?? 'application/octet-stream';
  return {
    bytes,
    headers: {
      'Content-Type': type.startsWith('text/') ? `${type}; charset=utf-8` : type,
      // Browsers must check every time whether a file has changed, since another --model has the same name.
      'Cache-Control': 'no-cache',
      ETag: `"${createHash('sha256').update(bytes).digest('base64url')}"`,
    },
  };
}

function respondTo(
  { method, url = '', headers }: IncomingMessage,
  files: ReadonlyMap<string, SiteFile>,
  host: string,
): SiteResponse {
  if (!isOwnName(headers.host, host))
    return refusal(403, `this server does not serve the host ${headers.host ?? '(none)'}`);
  if (method !== 'GET' && method !== 'HEAD') {
    return refusal(405, 'only GET and HEAD are allowed', { Allow: 'GET, HEAD' });
  }
  const path = pathOf(url);
  if (path === null) return refusal(400, 'invalid path');
  const file = files.get(path.replace(/\/index\.html$/, '/'));
  if (!file) return refusal(404, 'file not found');
  if (isUnchanged(headers['if-none-match'], String(file.headers.ETag))) return { status: 304, headers: file.headers };
  return { status: 200, headers: file.headers, bytes: file.bytes };
}

/** A refusal. It closes the connection, since the client may still be sending. */
function refusal(status: number, reason: string, headers: OutgoingHttpHeaders = {}): SiteResponse {
  const plain = { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' };
  return { status, headers: { ...plain, ...headers }, bytes: Buffer.from(`${reason}\n`) };
}

/**
 * Whether a request is meant for this server. Another site may make its own host name resolve to this machine (DNS
 * rebinding) and could then read the responses as its own. The header `Host` gives that name away.
 */
function isOwnName(header: string | undefined, host: string): boolean {
  const name = /^(?:\[([\da-f:.]+)\]|([^:]+))(?::\d+)?$/i
    .exec(header ?? '')
    ?.slice(1)
    .join('')
    .toLowerCase();
  if (!name) return false;
  if ([host.toLowerCase(), 'localhost', '127.0.0.1', '::1'].includes(name)) return true;
  // A server open to all machines is reached by any address of this computer. An address cannot be rebound.
  const isOpen = host === '0.0.0.0' || host === '::';
  const own = hostname().toLowerCase();
  return isOpen && (isIP(name) > 0 || name === own || name === `${own}.local`);
}

/** The decoded path of a URL without its query; null if it is invalid. */
function pathOf(url: string): string | null {
  const path = url.replace(/[?#].*$/s, '');
  try {
    return path.startsWith('/') ? decodeURIComponent(path) : null;
  } catch {
    return null;
  }
}

/** Whether the browser already has the file (RFC 9110, section 13.1.2). */
function isUnchanged(ifNoneMatch: string | undefined, etag: string): boolean {
  const known = ifNoneMatch?.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return known !== undefined && (known.includes(etag) || known.includes('*'));
}
