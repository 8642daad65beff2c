import { expect, test } from 'vitest';
import { DataError } from './errors.js';
import { imageFromBitmap, imageFromBlob } from './image-from-blob.js';

// page.test.ts compares the images that browsers decode with those of Node.

test('in Node, where there is no canvas, the error names the functions to use instead', async () => {
  const rest = 'needs a current browser. In Node, ImageLoader and decodeImage read image files';
  const error = await imageFromBlob(new Blob([])).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(DataError);
  expect((error as DataError).message).toBe(`imageFromBlob ${rest}`);
  expect(() => imageFromBitmap({ width: 1, height: 1 })).toThrow(`imageFromBitmap ${rest}`);
});
