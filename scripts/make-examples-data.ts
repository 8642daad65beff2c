/**
 * Writes examples/data/fashion-mnist-subset: a small image folder for the examples and their tests.
 *
 *     node scripts/make-examples-data.js
 *     node scripts/make-examples-data.js --idx FOLDER
 *
 * Reads the IDX files of Fashion-MNIST, gzipped, from the folder; by default from where Debian's package
 * dataset-fashion-mnist installs them. The images are chosen with a fixed seed, so every run writes the same bytes.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { Rng } from '@mobinet/tensor';
import { readIdx, saveFile } from 'mobinet';
import { debianFolder } from './lib/data.js';
import { parseFlags, root } from './lib/flags.js';

const classes = ['t-shirt', 'trouser', 'pullover', 'dress', 'coat', 'sandal', 'shirt', 'sneaker', 'bag', 'ankle-boot'];

/** The number of images per class, and the prefix of the files they are drawn from. */
const splits = [
  { name: 'train', prefix: 'train', perClass: 200 },
  { name: 'val', prefix: 't10k', perClass: 50 },
];

const seed = 28;

const { idx } = parseFlags({ idx: { type: 'string', default: debianFolder } });
const target = join(root, 'examples/data/fashion-mnist-subset');

for (const { name, prefix, perClass } of splits) {
  const images = readIdx(join(idx, `${prefix}-images-idx3-ubyte.gz`));
  const labels = readIdx(join(idx, `${prefix}-labels-idx1-ubyte.gz`));
  const [count, height, width] = images.shape;
  rmSync(join(target, name), { recursive: true, force: true });
  for (const [label, className] of classes.entries()) {
    const members = Array.from({ length: count }, (_, index) => index).filter(
      (index) => labels.values[index] === label,
    );
    const order = Rng.fromSeed(seed).split(name, className).permutation(members.length).values;
    const folder = join(target, name, className);
    mkdirSync(folder, { recursive: true });
    for (const position of order.subarray(0, perClass)) {
      const index = members[position];
      const pixels = images.values.subarray(index * height * width, (index + 1) * height * width);
      await saveFile(join(folder, `${String(index).padStart(5, '0')}.png`), encodeGrayPng(pixels, width, height));
    }
  }
  console.log(`${name}: ${classes.length} classes of ${perClass} images`);
}

/** An 8-bit grayscale PNG (https://www.w3.org/TR/png/). Rows are not filtered: filters make these images larger. */
function encodeGrayPng(pixels: Uint8Array, width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8; // bits per sample; the color type 0 after it is grayscale
  const rows = Buffer.alloc(height * (1 + width)); // each row starts with its filter: 0 is none
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * width, (y + 1) * width), y * (1 + width) + 1);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(rows, { level: 9 })),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

function pngChunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const chunk = Buffer.alloc(4 + body.length + 4);
  chunk.writeUInt32BE(data.length, 0);
  chunk.set(body, 4);
  chunk.writeUInt32BE(crc32(body), 4 + body.length);
  return chunk;
}
