import { FileError } from './errors.js';
import { fetchProblem, statusProblem } from './read-bytes.js';

/** Limits of a download. */
export interface DownloadLimits {
  /** The largest download in bytes. Default: 100 MB, far more than any photo takes. */
  readonly byteLimit?: number;
  /** Milliseconds without any data after which a server counts as unreachable. Default: 30 s. */
  readonly patience?: number;
}

/**
 * Downloads an image. Redirects are followed.
 *
 * @throws FileError if it cannot be downloaded, which says nothing about the image.
 * @throws Error if it is larger than `byteLimit`.
 */
export async function readImageUrl(
  url: string,
  { byteLimit = 100e6, patience = 30_000 }: DownloadLimits = {},
): Promise<Buffer> {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort(new FileError(`the server sent no data for ${patience / 1000} s. ${remedy}`));
  }, patience);
  try {
    const response = await fetch(url, { signal: controller.signal });
    if (!response.ok) throw new FileError(statusProblem(response));
    checkLength(Number(response.headers.get('Content-Length')), byteLimit);
    const pieces: Uint8Array[] = [];
    let length = 0;
    for await (const piece of response.body ?? []) {
      timer.refresh();
      length += piece.length;
      checkLength(length, byteLimit);
      pieces.push(piece);
    }
    return Buffer.concat(pieces, length);
  } catch (error) {
    if (error instanceof FileError || error instanceof TooLarge) throw error;
    throw new FileError(fetchProblem(error), { cause: error });
  } finally {
    clearTimeout(timer);
    // Ends a download that was given up.
    controller.abort();
  }
}

const remedy = 'Try again later, or download the file and give its path';

class TooLarge extends Error {}

function checkLength(length: number, limit: number): void {
  if (length > limit)
    throw new TooLarge(
      `its ${length} bytes exceed the limit of ${limit} for a download. Download it yourself and give its path`,
    );
}
