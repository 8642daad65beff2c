import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { fc } from '@fast-check/vitest';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { DecodePool, type DecodePoolOptions } from './decode-pool.js';
import type { Unreadable } from './decode-worker.js';
import {
  encodeGif,
  encodeJpeg,
  encodePng,
  picture,
  pngChunk,
  temporaryFolder,
  writeFiles,
} from './fixtures.test.helper.js';
import type { Image } from './source.js';

const settings: DecodePoolOptions = { workers: 1, side: 2, pixelLimit: 10_000, cpuLimit: 60 };
const pool = new DecodePool(settings);
afterAll(() => pool.close());

/** Decodes a file with this content, which is named .png whatever its format. */
async function decode(content: string | Uint8Array): Promise<Image | Unreadable> {
  const folder = temporaryFolder();
  writeFiles(folder, { 'image.png': content });
  const path = join(folder, 'image.png');
  return await pool.decode(path, path).result;
}

/** Two rows of two pixels. */
const rgb = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120];
const gray = [10, 10, 10, 200, 200, 200, 0, 0, 0, 255, 255, 255];

describe('decoding', () => {
  test.each([
    ['RGB', encodePng(2, 2, rgb), rgb],
    ['gray', encodePng(2, 2, [10, 200, 0, 255], { colorType: 0, bitDepth: 8 }), gray],
    [
      'palette',
      encodePng(2, 2, [3, 2, 1, 0], {
        colorType: 3,
        bitDepth: 8,
        palette: [100, 110, 120, 70, 80, 90, 40, 50, 60, 10, 20, 30],
      }),
      rgb,
    ],
    [
      '16-bit RGB',
      encodePng(
        2,
        2,
        rgb.map((value) => value * 257),
        { colorType: 2, bitDepth: 16 },
      ),
      rgb,
    ],
    ['16-bit gray', encodePng(2, 2, [2570, 51400, 0, 65535], { colorType: 0, bitDepth: 16 }), gray],
  ])('converts a PNG with %s to RGB', async (_, file, pixels) => {
    expect(await decode(file)).toEqual({ height: 2, width: 2, pixels: Uint8Array.from(pixels) });
  });

  test('reads the first frame of a GIF', async () => {
    const file = encodeGif(2, 3, [
      [0, 1, 2, 3, 4, 5],
      [6, 7, 8, 9, 10, 11],
    ]);
    const pixels = Uint8Array.from([0, 1, 2, 3, 4, 5].flatMap((i) => [i, 2 * i, 0]));
    expect(await decode(file)).toEqual({ height: 2, width: 3, pixels });
  });

  test('decodes a JPEG named .png', async () => {
    const original = picture(24, 40);
    const large = new DecodePool({ ...settings, side: 24 });
    onTestFinished(() => large.close());
    const folder = temporaryFolder();
    writeFiles(folder, { 'image.png': encodeJpeg(original) });
    const result = (await large.decode(join(folder, 'image.png'), 'image').result) as Image;
    expect([result.height, result.width]).toEqual([24, 40]);
    const errors = result.pixels.map((value, i) => Math.abs(value - original.pixels[i]));
    expect(errors.reduce((a, b) => a + b) / errors.length).toBeLessThan(8);
  });

  test('scales the shorter side', async () => {
    const result = await decode(encodePng(4, 9, picture(4, 9).pixels));
    expect(result).toMatchObject({ height: 2, width: 4 });
  });

  test('reads no more of a GIF than its first frame', async () => {
    const frame = new Array(50).fill(1);
    const file = encodeGif(5, 10, [frame, frame]);
    expect(await decode(file.subarray(0, file.length - 10))).toEqual(await decode(file));
    expect(await decode(file)).toMatchObject({ height: 2, width: 4 });
  });
});

const png = encodePng(30, 40, picture(30, 40).pixels);
const gif = encodeGif(10, 10, [new Array(100).fill(5)]);
const jpeg = encodeJpeg(picture(30, 40));

/** A PNG of 30 × 40 whose compressed data is this. */
const pngOfData = (data: Buffer): Buffer =>
  Buffer.concat([png.subarray(0, 33), pngChunk('IDAT', data), pngChunk('IEND', Buffer.alloc(0))]);

const patched = (file: Buffer, at: number, bytes: readonly number[]): Buffer => {
  const copy = Buffer.from(file);
  copy.set(bytes, at);
  return copy;
};

describe('files that are not images', () => {
  test.each([
    ['an empty file', Buffer.alloc(0), 'it is empty'],
    ['text', Buffer.from('not an image'), 'it is not an image in a supported format'],
    [
      'a BMP',
      Buffer.from('BM\x00\x00\x00\x00', 'latin1'),
      'its format, BMP, is not supported. Convert it to JPEG or PNG',
    ],
    ['the first bytes of a PNG', png.subarray(0, 12), 'it is a corrupt PNG'],
    ['a PNG cut in its data', png.subarray(0, png.length - 40), 'it is a corrupt PNG'],
    ['a PNG with a wrong checksum', patched(png, png.length - 20, [1, 2, 3, 4]), ''],
    [
      'a PNG without data',
      Buffer.concat([png.subarray(0, 33), pngChunk('IEND', Buffer.alloc(0))]),
      'it is a corrupt PNG',
    ],
    ['a PNG with too little data', pngOfData(deflateSync(Buffer.alloc(100))), 'it is a corrupt PNG'],
    [
      'a PNG with half its stream',
      pngOfData(deflateSync(Buffer.alloc(30 * 121), { level: 0 }).subarray(0, 1500)),
      'it is a corrupt PNG',
    ],
    ['a PNG with broken data', pngOfData(Buffer.from('no zlib stream')), 'it is a corrupt PNG'],
    ['a PNG with broken filters', pngOfData(deflateSync(Buffer.alloc(30 * 121, 77))), 'it is a corrupt PNG'],
    ['a PNG without height', encodePng(0, 40, []), 'its size is 40 × 0'],
    [
      'a PNG that claims to be huge',
      patched(png, 16, [0, 1, 0, 0, 0, 1, 0, 0]),
      '65536 × 65536 pixels exceed the limit of 10000',
    ],
    ['the first bytes of a JPEG', jpeg.subarray(0, 30), 'it is a corrupt JPEG (its size is missing)'],
    [
      'a JPEG cut in its data',
      jpeg.subarray(0, jpeg.length - 60),
      'it is a corrupt JPEG (premature end of JPEG image)',
    ],
    ['the first bytes of a GIF', gif.subarray(0, 9), ''],
    ['a GIF without a frame', encodeGif(10, 10, []), 'it has no frame'],
    ['a GIF cut in its data', gif.subarray(0, gif.length - 30), 'it is truncated'],
    [
      'a GIF with too little data',
      encodeGif(10, 10, [[1, 2, 3]]),
      'it is a corrupt GIF (97 of its pixels are missing)',
    ],
    ['a strip scaled to 18000 pixels', encodePng(1, 9000, new Uint8Array(27_000)), 'scaled to 18000 × 2'],
  ])('%s is a problem, not a crash', async (_, file, problem) => {
    expect(await decode(file)).toEqual({ problem: expect.stringContaining(problem), isFileError: false });
    // The thread continues, and a late exception of the decoder does not fail the next image.
    expect(await decode(encodePng(2, 2, rgb))).toMatchObject({ height: 2, width: 2 });
  });

  test('a file that cannot be read does not count as a bad image', async () => {
    const folder = temporaryFolder();
    writeFiles(folder, { file: '' });
    symlinkSync('loop', join(folder, 'loop'));
    const cases = {
      absent: 'ENOENT: no such file or directory',
      'file/below': 'ENOTDIR: not a directory',
      loop: 'ELOOP: too many symbolic links encountered',
      ['long'.repeat(100)]: 'ENAMETOOLONG: name too long',
      '.': 'it is a folder',
    };
    for (const [name, problem] of Object.entries(cases)) {
      expect(await pool.decode(join(folder, name), name).result).toEqual({ problem, isFileError: true });
    }
  });

  test('any damage gives an image or a problem', async () => {
    const damaged = fc
      .tuple(
        fc.constantFrom(png, jpeg, gif),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.uint8Array({ maxLength: 4 }),
        fc.boolean(),
      )
      .map(([file, where, bytes, cut]) => {
        const at = Math.floor(where * (file.length - 4));
        const result = patched(file, at, [...bytes]);
        return cut ? result.subarray(0, at + bytes.length) : result;
      });
    await fc.assert(
      fc.asyncProperty(damaged, async (file) => {
        const result = await decode(file);
        expect('problem' in result || result.pixels.length === result.height * result.width * 3).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});
