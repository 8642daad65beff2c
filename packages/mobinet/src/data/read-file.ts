import { unreadable } from './errors.js';

// Not imported, since bundlers for the web would look for the module.
const files = globalThis.process?.getBuiltinModule?.('node:fs/promises');

/**
 * Reads a file by its path or its URL, or is undefined where there are no files. Bundlers for web pages take
 * `no-files.ts` instead, by the name `#read-file` in package.json.
 * @throws DataError, one line, if the file cannot be read.
 */
export const readFile = files && readWith(files);

function readWith(files: typeof import('node:fs/promises')) {
  return async (source: string | URL, what: string): Promise<Uint8Array> => {
    const isFileUrl = String(source).startsWith('file:');
    try {
      return await files.readFile(isFileUrl ? new URL(source) : source);
    } catch (error) {
      throw unreadable(error, source, what);
    }
  };
}
