import { crc32, deflateSync } from 'node:zlib';
import type { Image } from '../data/source.js';

/** Encodes an image as PNG (https://www.w3.org/TR/png-3/). */
export function encodePng({ height, width, pixels }: Image): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // Eight bits per channel, red, green and blue.
  header.set([8, 2], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(differences(pixels, 3 * width), { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Each byte minus the one above it (filter type 2, "Up"), since neighboring rows are alike. */
function differences(pixels: Uint8Array, perRow: number): Uint8Array {
  const rows = pixels.length / perRow;
  const filtered = new Uint8Array(pixels.length + rows);
  for (let row = 0; row < rows; row++) {
    const at = row * (perRow + 1);
    filtered[at] = 2;
    for (let i = 0; i < perRow; i++) {
      const from = row * perRow + i;
      filtered[at + 1 + i] = pixels[from] - (row === 0 ? 0 : pixels[from - perRow]);
    }
  }
  return filtered;
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  framed.set(body, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}
