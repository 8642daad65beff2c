import { readFileSync, statSync } from 'node:fs';
import { FileError, fileProblem } from './errors.js';

/**
 * Reads an image file synchronously, for threads with nothing else to do: small files take a fifth of the time of
 * asynchronous reads.
 *
 * @throws FileError if the file cannot be read, which says nothing about the image in it.
 * @throws Error if the file is larger than any image of `pixelLimit` pixels.
 */
export function readImageFile(path: string, pixelLimit: number): Buffer {
  const file = orFileError(() => statSync(path));
  if (!file.isFile()) throw new FileError(file.isDirectory() ? 'it is a folder' : 'it is not a regular file');
  // Uncompressed 16-bit RGBA, the widest format, takes 8 bytes per pixel. No valid file is larger.
  if (file.size > 8 * pixelLimit) throw new Error(`its ${file.size} bytes exceed the limit for ${pixelLimit} pixels`);
  return orFileError(() => readFileSync(path));
}

function orFileError<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new FileError(fileProblem(error), { cause: error });
  }
}
