import { shown } from '@mobinet/tensor';
import { DataError, messageOf, unreadable } from './errors.js';

/**
 * The bytes of a file or of a URL, in Node and on a web page, where a path is a URL relative to the page.
 * @param what What errors call it.
 * @throws DataError, one line, if they cannot be had.
 */
export async function readBytes(source: string | URL, what = 'file'): Promise<Uint8Array> {
  if (!(typeof source === 'string' || source instanceof URL)) {
    throw new TypeError(`a ${what} is read from a path or a URL, not from ${shown(source)}`);
  }
  // Asked of the process, not imported: a bundler for the web would look for the module.
  const files = globalThis.process?.getBuiltinModule?.('node:fs/promises');
  const isRemote = /^(https?|data|blob):/.test(String(source));
  try {
    if (files && !isRemote) return await files.readFile(isFileUrl(source) ? new URL(source) : source);
    const response = await fetch(source);
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
    const answer = `${response.status} ${response.statusText}`.trim();
    throw new DataError(
      `cannot read the ${what} ${source}: the server answers ${answer}. ${remedyFor(response.status)}`,
    );
  } catch (error) {
    if (error instanceof DataError) throw error;
    if (!isRemote && files) throw unreadable(error, source, what);
    // “fetch failed” says nothing: what its cause says does.
    const { cause } = Object(error) as Error;
    const reason =
      cause === undefined ? messageOf(error) : messageOf(cause) || String((cause as { code?: string }).code);
    throw new DataError(
      `cannot read the ${what} ${source}: ${reason}. Check the address, and that its server can be reached`,
      { cause: error },
    );
  }
}

function remedyFor(status: number): string {
  if (status === 401 || status === 403) return 'It asks for a login: fetch the file, and name it';
  if (status === 404 || status === 410) return 'Check the address';
  return 'Try again later, or fetch the file, and name it';
}

const isFileUrl = (source: string | URL): boolean => String(source).startsWith('file:');
