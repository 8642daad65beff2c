import { DataError, messageOf } from './errors.js';

/**
 * The bytes of a file or of a URL, in Node and on a web page, where a path is a URL relative to the page.
 * @param what What errors call it.
 * @throws DataError, one line, if they cannot be had.
 */
export async function readBytes(source: string | URL, what = 'file'): Promise<Uint8Array> {
  // Asked of the process, not imported: a bundler for the web would look for the module.
  const files = globalThis.process?.getBuiltinModule?.('node:fs/promises');
  const isRemote = /^(https?|data|blob):/.test(String(source));
  try {
    if (files && !isRemote) return await files.readFile(isFileUrl(source) ? new URL(source) : source);
    const response = await fetch(source);
    if (!response.ok) throw new Error(`the server answers ${response.status} ${response.statusText}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    const isMissing = (error as { code?: string }).code === 'ENOENT';
    throw new DataError(
      isMissing ? `there is no ${what} at ${source}` : `cannot read the ${what}: ${messageOf(error)}`,
    );
  }
}

const isFileUrl = (source: string | URL): boolean => String(source).startsWith('file:');
