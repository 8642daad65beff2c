import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type Server } from 'node:http';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { join, relative, sep } from 'node:path';
import { lookup } from 'mrmime';
import { packedFile } from '../training/files.js';

interface SiteFile {
  readonly bytes: Uint8Array;
  readonly headers: OutgoingHttpHeaders;
}

/** What is answered: bytes only where a file was asked for. */
interface Answer {
  readonly status: number;
  readonly headers?: OutgoingHttpHeaders;
  readonly bytes?: Uint8Array;
}

/** With every answer. Workers need them as the page does. */
const commonHeaders = {
  // These two make a page cross-origin isolated, so that its threads may share memory.
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  // The page's own files, kernels that it assembles, and images that a user gives it; nothing else.
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "worker-src 'self'",
    "connect-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "media-src 'self' blob:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
};

interface SiteOptions {
  /** Takes the place of the packed model among the files. */
  readonly model?: Uint8Array;
  /** Where the server will listen, by which it may be asked. Default: `'localhost'`. */
  readonly host?: string;
}

/**
 * A server of a folder's files, isolated. They are read once, so that no request reaches the disk: no path leads out of the
 * folder, and no file can vanish while it is sent. Parts of files (`Range`) are not given, which a server need not do.
 */
export function serveSite(folder: string, { model, host = 'localhost' }: SiteOptions = {}): Server {
  const files = readFiles(folder);
  if (model) files.set(`/${packedFile}`, siteFile(packedFile, model));
  return createServer((request, response) => {
    const { status, headers, bytes } = answerTo(request, files, host);
    const length = bytes && { 'Content-Length': bytes.byteLength };
    response.writeHead(status, { ...commonHeaders, ...length, ...headers });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  });
}

/** Every file below a folder, by its path in URLs. */
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

function siteFile(name: string, bytes: Uint8Array): SiteFile {
  const type = lookup(name) ?? 'application/octet-stream';
  return {
    bytes,
    headers: {
      'Content-Type': type.startsWith('text/') ? `${type}; charset=utf-8` : type,
      // Browsers ask each time whether a file is still the same: another --model has the same name.
      'Cache-Control': 'no-cache',
      ETag: `"${createHash('sha256').update(bytes).digest('base64url')}"`,
    },
  };
}

function answerTo({ method, url = '', headers }: IncomingMessage, files: Map<string, SiteFile>, host: string): Answer {
  if (!isOwnName(headers.host, host))
    return refusal(403, `this server does not answer to ${headers.host ?? 'no name'}`);
  if (method !== 'GET' && method !== 'HEAD') return refusal(405, 'only GET and HEAD', { Allow: 'GET, HEAD' });
  const path = pathOf(url);
  if (path === null) return refusal(400, 'this is no path');
  const file = files.get(path.replace(/\/index\.html$/, '/'));
  if (!file) return refusal(404, 'there is no such file');
  if (isUnchanged(headers['if-none-match'], String(file.headers.ETag))) return { status: 304, headers: file.headers };
  return { status: 200, headers: file.headers, bytes: file.bytes };
}

/** Whoever is refused may still be sending: the connection ends. */
function refusal(status: number, reason: string, headers: OutgoingHttpHeaders = {}): Answer {
  const plain = { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' };
  return { status, headers: { ...plain, ...headers }, bytes: Buffer.from(`${reason}\n`) };
}

/**
 * Whether a request was meant for this server. A page of another site may have its own name point here (“DNS rebinding”), and
 * would then read what it gets as its own; its name is in the header `Host`.
 */
function isOwnName(header: string | undefined, host: string): boolean {
  const name = /^(?:\[([\da-f:.]+)\]|([^:]+))(?::\d+)?$/i
    .exec(header ?? '')
    ?.slice(1)
    .join('')
    .toLowerCase();
  if (!name) return false;
  if ([host.toLowerCase(), 'localhost', '127.0.0.1', '::1'].includes(name)) return true;
  // Open to all, it is asked by any address of this computer. No name points to those.
  const isOpen = host === '0.0.0.0' || host === '::';
  const own = hostname().toLowerCase();
  return isOpen && (isIP(name) > 0 || name === own || name === `${own}.local`);
}

/** The path of a URL without its query; null where it cannot be one. */
function pathOf(url: string): string | null {
  const path = url.replace(/[?#].*$/s, '');
  try {
    return path.startsWith('/') ? decodeURIComponent(path) : null;
  } catch {
    return null;
  }
}

/** Whether the browser has the file already: RFC 9110, 13.1.2. */
function isUnchanged(ifNoneMatch: string | undefined, etag: string): boolean {
  const known = ifNoneMatch?.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return known !== undefined && (known.includes(etag) || known.includes('*'));
}
