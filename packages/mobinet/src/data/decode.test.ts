import { readdirSync, readFileSync } from 'node:fs';
import { fc, test } from '@fast-check/vitest';
import sharp from 'sharp';
import { describe, expect } from 'vitest';
import { decodeImage, findDecoder } from './decode.js';
import { loadGetPixels } from './decode-get-pixels.js';
import { encodeGif, picture } from './fixtures.test.helper.js';
import { imageFromRgba } from './image-from-rgba.js';
import { orient } from './orientation.js';
import type { Image } from './source.js';

// Images of every kind, and Pillow's result for them: scripts/make-picture-fixtures.py.

interface Expected {
  readonly height: number;
  readonly width: number;
  readonly tolerance: number;
  /** In Base64. */
  readonly pixels: string;
}

const folder = new URL('../../fixtures/', import.meta.url);
const bytesOf = (name: string): Buffer => readFileSync(new URL(name, folder));
const expected: Record<string, Expected> = JSON.parse(bytesOf('expected.json').toString());
const pictures = readdirSync(folder).filter((name) => name in expected);

const options = { pixelLimit: 1e6 };

const largestDifference = (a: ArrayLike<number>, b: Uint8Array): number =>
  b.reduce((largest, value, i) => Math.max(largest, Math.abs(value - a[i])), 0);

describe('sharp decodes like Pillow', () => {
  test.each(pictures)('%s', async (name) => {
    const { height, width, tolerance, pixels } = expected[name];
    const image = await decodeImage(bytesOf(name), options);
    expect([image.height, image.width]).toEqual([height, width]);
    expect(image.pixels.length).toBe(3 * height * width);
    expect(largestDifference(image.pixels, Buffer.from(pixels, 'base64'))).toBeLessThanOrEqual(tolerance);
  });

  test('AVIF, which Pillow does not support: a round trip gives the rotated image', async () => {
    const { height, width, pixels } = picture(24, 40);
    const raw = { raw: { height, width, channels: 3 } } as const;
    const avif = await sharp(pixels, raw).withMetadata({ orientation: 6 }).avif({ quality: 100 }).toBuffer();
    const image = await decodeImage(avif, options);
    const rotated = orient({ height, width, pixels }, 6);
    expect([image.height, image.width]).toEqual([40, 24]);
    expect(largestDifference(image.pixels, rotated.pixels)).toBeLessThanOrEqual(8);
  });
});

describe('get-pixels decodes nearly like Pillow', () => {
  // Unlike libjpeg, it does not interpolate subsampled colors, so it cannot match JPEGs more closely.
  const tolerances: Record<string, number> = { jpg: 16, png: 1, gif: 0 };

  test.each(pictures)('%s', async (name) => {
    const decoder = await loadGetPixels();
    const kind = name.slice(name.lastIndexOf('.') + 1);
    const { pixels, height, width } = expected[name];
    const result = await decodeImage(bytesOf(name), options, decoder).catch((error: Error) => error.message);
    const isUnsupported = /^(cmyk|ycck|rgb-(adobe|names))/.test(name) || !(kind in tolerances);
    if (isUnsupported) {
      return expect(result).toMatch(
        / can only be decoded by sharp\. Run npm install sharp, or convert the image to PNG$/,
      );
    }
    if (name === 'fill-bytes.jpg') return expect(result).toMatch(/corrupt/i);
    const image = result as Image;
    expect([image.height, image.width]).toEqual([height, width]);
    expect(largestDifference(image.pixels, Buffer.from(pixels, 'base64'))).toBeLessThanOrEqual(tolerances[kind]);
  });
});

describe('a file that is not an image, or not supported, is named, with a remedy', () => {
  const convert = (format: string): string => `its format, ${format}, is not supported. Convert it to JPEG or PNG`;
  const box = (...brands: string[]): Buffer =>
    Buffer.from(
      `\0\0\0${String.fromCharCode(8 + 4 * (brands.length + 1))}ftyp${brands[0]}\0\0\0\0${brands.slice(1).join('')}`,
      'latin1',
    );
  /** A TIFF with a single tag. */
  const tiffWith = (tag: number, value: number): Buffer => {
    const tiff = Buffer.alloc(64);
    tiff.write('II*\0\x08\0\0\0\x01\0', 'latin1');
    tiff.writeUInt16LE(tag, 10);
    tiff.writeUInt16LE(4, 12);
    tiff.writeUInt32LE(1, 14);
    tiff.writeUInt32LE(value, 18);
    return tiff;
  };

  test.each([
    ['HEIC', box('heic', 'mif1', 'heic'), convert('HEIC')],
    ['HEIC by its second brand', box('mif1', 'mif1', 'heic'), convert('HEIC')],
    ['HEIF', box('mif1', 'mif1'), convert('HEIF')],
    ['a video', box('isom', 'iso2', 'avc1'), 'it is a video, not an image. Extract its frames'],
    ['BMP', Buffer.from('BM\x36\0\0\0'), convert('BMP')],
    ['SVG', Buffer.from('<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'), convert('SVG')],
    ['PDF', Buffer.from('%PDF-1.7'), convert('PDF')],
    ['JPEG XL', Buffer.of(0xff, 0x0a, 1), convert('JPEG XL')],
    ['JPEG 2000', Buffer.from('\0\0\0\x0cjP  \r\n\x87\n', 'latin1'), convert('JPEG 2000')],
    ['Netpbm', Buffer.from('P6\n2 2\n255\n'), convert('Netpbm')],
    ['a digital negative', tiffWith(0xc612, 4), convert('camera raw')],
    ['a TIFF whose first image is a preview', tiffWith(0x00fe, 1), convert('camera raw')],
    [
      'an HTML page',
      Buffer.from('\n<!DOCTYPE html><p>404'),
      'it is an HTML page, not an image. Download the image itself',
    ],
    [
      'a Git LFS pointer',
      Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:4d7a'),
      'it is a Git LFS pointer, not an image. Fetch the files with git lfs pull',
    ],
    [
      'text',
      Buffer.from('not an image'),
      'it is not an image in a supported format (JPEG, PNG, GIF, WebP, AVIF, TIFF)',
    ],
    ['an empty file', Buffer.alloc(0), 'it is empty'],
    [
      '12 bits per sample',
      bytesOf('twelve-bit.jpg'),
      'it is a JPEG with 12 bits per sample, but only 8 are supported. Convert it to PNG',
    ],
  ])('%s', async (_, bytes, message) => {
    await expect(decodeImage(bytes, options)).rejects.toThrow(new Error(message));
  });

  test('samples that are not colors of 8 or 16 bits', async () => {
    await expect(decodeImage(bytesOf('float.tif'), options)).rejects.toThrow(
      'its pixel format (b-w, float, 1 channel) is not supported. Convert it to PNG',
    );
  });
});

test('a number of channels that no color space has is an error', async () => {
  const two = bytesOf('exif-1.jpg');
  two[two.indexOf(Buffer.of(0xff, 0xc0)) + 9] = 2;
  await expect(decodeImage(two, options)).rejects.toThrow(
    /^its pixel format \(srgb, uchar, 2 channels\) is not supported/,
  );
});

describe('images that would take too much time or memory', () => {
  test('pixels are counted before they are unpacked, with lower limits for formats that are unpacked as a whole', async () => {
    const create = { height: 60, width: 50, channels: 3, background: 'white' } as const;
    const png = await sharp({ create }).png().toBuffer();
    const interlaced = await sharp({ create }).png({ progressive: true }).toBuffer();
    const avif = await sharp({ create }).avif().toBuffer();
    await decodeImage(png, { pixelLimit: 3000 });
    const message = 'its 50 × 60 pixels exceed the limit of 2999';
    await expect(decodeImage(png, { pixelLimit: 2999 })).rejects.toThrow(message);
    await expect(decodeImage(interlaced, { pixelLimit: 5999 })).rejects.toThrow(message);
    await expect(decodeImage(avif, { pixelLimit: 11_999 })).rejects.toThrow(message);
  });

  test('a JPEG with a hundred scans', async () => {
    const jpeg = bytesOf('progressive.jpg');
    const [last, end] = [jpeg.lastIndexOf(Buffer.of(0xff, 0xda)), jpeg.length - 2];
    const scans = Array.from({ length: 100 }, () => jpeg.subarray(last, end));
    const bomb = Buffer.concat([jpeg.subarray(0, end), ...scans, jpeg.subarray(end)]);
    await expect(decodeImage(bomb, options)).rejects.toThrow(
      /^it is a JPEG with 1\d\d scans, but only 50 are allowed$/,
    );
  });

  test('a GIF whose codes have more bits than a color', async () => {
    const gif = encodeGif(4, 4, [new Array(16).fill(1)]);
    gif[gif.indexOf(Buffer.of(0, 7, 17)) + 1] = 200;
    await expect(decodeImage(gif, options)).rejects.toThrow('it is a corrupt GIF (codes of 200 bits)');
  });
});

describe('orient', () => {
  test.prop([fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 })])(
    'is undone by the inverse orientation',
    (height, width) => {
      const image = { height, width, pixels: Uint8Array.from({ length: 3 * height * width }, (_, i) => i) };
      for (const [there, back] of [
        [2, 2],
        [3, 3],
        [4, 4],
        [5, 5],
        [6, 8],
        [7, 7],
        [8, 6],
      ]) {
        expect(orient(orient(image, there), back)).toEqual(image);
      }
      expect(orient(image, 9)).toBe(image);
    },
  );
});

test('imageFromRgba blends onto white', () => {
  const data = Uint8Array.of(1, 2, 3, 255, 100, 0, 50, 0, 0, 100, 255, 51);
  expect(imageFromRgba({ width: 1, height: 3, data })).toEqual({
    width: 1,
    height: 3,
    pixels: Uint8Array.of(1, 2, 3, 255, 255, 255, 204, 224, 255),
  });
});

test('the name of the decoder includes its version', async () => {
  expect((await findDecoder()).name).toMatch(/^sharp \d+\.\d+\.\d+ \(libvips \d+\.\d+\.\d+, reduction \d+\)$/);
});
