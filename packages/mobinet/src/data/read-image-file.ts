import { readFile, stat } from 'node:fs/promises';
import { FileError, fileProblem } from './errors.js';

/**
 * The bytes of an image file.
 * @throws FileError if the file cannot be read, which says nothing of the image in it.
 * @throws Error if the file is larger than any image of `pixelLimit` pixels.
 */
export async function readImageFile(path: string, pixelLimit: number): Promise<Buffer> {
  const file = await stat(path).catch(cannotRead);
  if (!file.isFile()) throw new FileError(file.isDirectory() ? 'it is a folder' : 'it is not a regular file');
  // Unpacked pixels of the widest kind, 16-bit RGBA, take 8 bytes. No honest file is larger.
  if (file.size > 8 * pixelLimit) throw new Error(`its ${file.size} bytes are too many for ${pixelLimit} pixels`);
  return readFile(path).catch(cannotRead);
}

function cannotRead(error: unknown): never {
  throw new FileError(fileProblem(error), { cause: error });
}
