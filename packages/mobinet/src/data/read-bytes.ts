import { shown } from '@mobinet/tensor/functions';
import { readFile } from '#read-file';
import { DataError, messageOf } from './errors.js';

/**
 * Reads a file or a URL, in Node or on a web page, where a path is a URL relative to the page.
 * @param what What errors call it.
 * @throws DataError, one line, if it cannot be read.
 */
export async function readBytes(source: string | URL, what = 'file'): Promise<Uint8Array> {
  if (!(typeof source === 'string' || source instanceof URL)) {
    throw new TypeError(`the ${what} must be a path or a URL, not ${shown(source)}`);
  }
  if (readFile && !/^(https?|data|blob):/.test(String(source))) return readFile(source, what);
  try {
    const response = await fetch(source);
    if (response.ok) return new Uint8Array(await response.arrayBuffer());
    throw new DataError(`cannot read the ${what} ${source}: ${statusProblem(response)}`);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`cannot read the ${what} ${source}: ${fetchProblem(error)}`, { cause: error });
  }
}

/** Explains why `fetch` failed. */
export function fetchProblem(error: unknown): string {
  // The message of a failed fetch is useless ("fetch failed"); its cause says why.
  const { cause } = Object(error) as Error;
  const reason = cause === undefined ? messageOf(error) : messageOf(cause) || String((cause as { code?: string }).code);
  return `${reason}. Check the URL, and that the server is reachable`;
}

/** Explains a response that is not ok. */
export function statusProblem({ status, statusText }: Response): string {
  return `the server responded with ${`${status} ${statusText}`.trim()}. ${remedyFor(status)}`;
}

function remedyFor(status: number): string {
  if (status === 401 || status === 403) return 'It requires a login: download the file and give its path';
  if (status === 404 || status === 410) return 'Check the URL';
  return 'Try again later, or download the file and give its path';
}
