// Writes examples/data/fashion-mnist-subset: a small image folder for the examples and their tests.
//
//     node scripts/make-examples-data.mjs [--idx <folder>]
//
// Reads the IDX files of Fashion-MNIST, gzipped, from <folder>; by default where Debian's package
// dataset-fashion-mnist puts them (apt-get install dataset-fashion-mnist). The choice of images is seeded, so
// every run writes the same bytes. Build first (npm run build): the random numbers are ours.

import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { crc32, deflateSync, gunzipSync } from 'node:zlib';
import { Rng } from '@mobinet/tensor';
import { saveFile } from 'mobinet';

const classes = ['t-shirt', 'trouser', 'pullover', 'dress', 'coat', 'sandal', 'shirt', 'sneaker', 'bag', 'ankle-boot'];

/** Images of each class, and the files that they are drawn from. */
const splits = [
  { name: 'train', prefix: 'train', perClass: 200 },
  { name: 'val', prefix: 't10k', perClass: 50 },
];

const seed = 28;

const { values: flags } = parseArgs({
  options: { idx: { type: 'string', default: '/usr/share/datasets/fashion-mnist' } },
});
const target = join(import.meta.dirname, '../examples/data/fashion-mnist-subset');

for (const { name, prefix, perClass } of splits) {
  const images = readIdx(join(flags.idx, `${prefix}-images-idx3-ubyte.gz`));
  const labels = readIdx(join(flags.idx, `${prefix}-labels-idx1-ubyte.gz`));
  const [count, height, width] = images.shape;
  rmSync(join(target, name), { recursive: true, force: true });
  for (const [label, className] of classes.entries()) {
    const members = Array.from({ length: count }, (_, index) => index).filter((index) => labels.data[index] === label);
    const order = Rng.fromSeed(seed).split(name, className).permutation(members.length).values;
    const folder = join(target, name, className);
    mkdirSync(folder, { recursive: true });
    for (const position of order.subarray(0, perClass)) {
      const index = members[position];
      const pixels = images.data.subarray(index * height * width, (index + 1) * height * width);
      await saveFile(join(folder, `${String(index).padStart(5, '0')}.png`), encodeGrayPng(pixels, width, height));
    }
  }
  console.log(`${name}: ${classes.length} classes of ${perClass} images`);
}

/**
 * The IDX format (http://yann.lecun.com/exdb/mnist/): two zeros, a type (8: bytes), the number of axes, their sizes
 * as big-endian 32-bit integers, the elements.
 */
function readIdx(path) {
  const bytes = gunzipSync(readFileSync(path));
  if (bytes.readUInt16BE(0) !== 0 || bytes[2] !== 8) throw new Error(`${path} is not an IDX file of bytes`);
  const shape = Array.from({ length: bytes[3] }, (_, axis) => bytes.readUInt32BE(4 + 4 * axis));
  const data = bytes.subarray(4 + 4 * shape.length);
  const size = shape.reduce((product, axis) => product * axis, 1);
  if (data.length !== size) throw new Error(`${path} has ${data.length} elements, its header says ${size}`);
  return { shape, data };
}

/** An 8-bit grayscale PNG (https://www.w3.org/TR/png/). Rows are not filtered: filters make these images larger. */
function encodeGrayPng(pixels, width, height) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8; // bits per sample; the colour type 0 after it is grayscale
  const rows = Buffer.alloc(height * (1 + width)); // each row starts with its filter: 0 is none
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * width, (y + 1) * width), y * (1 + width) + 1);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    pngChunk('IHDR', header),
    pngChunk('IDAT', deflateSync(rows, { level: 9 })),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
}

function pngChunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const chunk = Buffer.alloc(4 + body.length + 4);
  chunk.writeUInt32BE(data.length, 0);
  chunk.set(body, 4);
  chunk.writeUInt32BE(crc32(body), 4 + body.length);
  return chunk;
}
