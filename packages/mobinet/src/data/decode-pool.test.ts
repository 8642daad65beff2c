import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { deflateSync } from 'node:zlib';
import { fc } from '@fast-check/vitest';
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { DecodePool, type DecodePoolOptions } from './decode-pool.js';
import type { Unreadable } from './decode-worker.js';
import { DataError, isOutOfMemory } from './errors.js';
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

/** A pool whose workers run `program` for every request. */
function poolOf(program: string, options: Partial<DecodePoolOptions> = {}): DecodePool {
  const folder = temporaryFolder();
  const head = `import { parentPort } from 'node:worker_threads';\n`;
  writeFiles(folder, { 'worker.mjs': `${head}parentPort.on('message', async ({ id, image }) => { ${program} });` });
  const strange = new DecodePool({ ...settings, ...options, workerUrl: pathToFileURL(join(folder, 'worker.mjs')) });
  onTestFinished(() => strange.close());
  return strange;
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

describe('DecodePool', () => {
  const image: Image = { height: 2, width: 2, pixels: Uint8Array.from(rgb) };

  test('scales images in memory', async () => {
    expect(await pool.decode(image, 'image').result).toEqual(image);
  });

  test.each([
    ['exits', 'process.exit(3)', 'it exited with code 3'],
    ['throws', `throw new Error('out of order')`, 'out of order'],
  ])('a worker that %s fails all pending requests', async (_, program, problem) => {
    const crashing = poolOf(program);
    const [first, second] = [crashing.decode(image, 'first.png'), crashing.decode(image, 'second.png')];
    await expect(first.result).rejects.toThrow(DataError);
    await expect(second.result).rejects.toThrow(`an image decoding thread crashed on first.png: ${problem}`);
    await expect(crashing.decode(image, 'third.png').result).rejects.toThrow(problem);
  });

  test('a worker that cannot start is an error', async () => {
    const absent = new DecodePool({ ...settings, workerUrl: pathToFileURL(join(temporaryFolder(), 'absent.js')) });
    await expect(absent.decode(image, 'first.png').result).rejects.toThrow('Cannot find module');
  });

  /** A worker that announces that it decodes, runs `program`, and then replies. */
  const decoding = (program: string, options: Partial<DecodePoolOptions>): DecodePool =>
    poolOf(
      `parentPort.postMessage({ id, isDecoding: true }); ${program}; parentPort.postMessage({ id, result: 7 });`,
      options,
    );

  test('a decoder that loops forever fails the pool, not only its image', async () => {
    const looping = decoding(`if (image === 'bad') for (;;);`, { cpuLimit: 0.1 });
    const [good, bad, late] = ['good', 'bad', 'late'].map((name) => looping.decode(name, name));
    expect(await good.result).toBe(7);
    await expect(bad.result).rejects.toThrow(DataError);
    await expect(late.result).rejects.toThrow(/^decoding bad took more than 0\.1 s of CPU time, .*Re-save the image/);
    await expect(looping.decode('next', 'next').result).rejects.toThrow('decoding bad');
  });

  test('an error that is not the fault of an image, such as a missing decoder, fails the pool', async () => {
    const folder = temporaryFolder();
    writeFiles(folder, { 'image.png': encodePng(2, 2, rgb) });
    vi.stubEnv('MOBINET_DECODER', 'none');
    onTestFinished(() => void vi.unstubAllEnvs());
    const without = new DecodePool(settings);
    onTestFinished(() => without.close());
    const { result } = without.decode(join(folder, 'image.png'), 'image');
    await expect(result).rejects.toThrow(DataError);
    await expect(result).rejects.toThrow('MOBINET_DECODER must be sharp or get-pixels, not none');
  });

  test('a lack of memory is recognised from the message of V8', () => {
    expect(() => new ArrayBuffer(2 ** 52)).toThrow(expect.toSatisfy(isOutOfMemory));
    expect(isOutOfMemory(new Error('it is a corrupt TIFF (Not enough data)'))).toBe(false);
  });

  test('only CPU time counts, so a program that is suspended or starved loses nothing', async () => {
    const slow = decoding('await new Promise((resolve) => setTimeout(resolve, 1500))', { cpuLimit: 0.25 });
    expect(await slow.decode('image', 'image').result).toBe(7);
  });

  test('CPU time of other threads does not count while a file is being read', async () => {
    const waiting = poolOf(`setTimeout(() => parentPort.postMessage({ id, result: 7 }), 1000);`, { cpuLimit: 0.01 });
    const { result } = waiting.decode('image', 'image');
    const isBusy = setInterval(() => {
      for (const end = Date.now() + 40; Date.now() < end; );
    }, 50);
    onTestFinished(() => clearInterval(isBusy));
    expect(await result).toBe(7);
  });

  test('a reply that waited while this thread was busy is in time', async () => {
    const quick = decoding('', { cpuLimit: 0.01 });
    await quick.decode('warm up', 'warm up').result;
    const { result } = quick.decode('image', 'image');
    for (const end = Date.now() + 500; Date.now() < end; );
    expect(await result).toBe(7);
  });

  test('a cancelled request gets a reply without being decoded', async () => {
    // Scaling this keeps the only worker busy for long enough to receive the cancellation of the next request.
    const large: Image = { height: 3000, width: 3000, pixels: new Uint8Array(3000 * 3000 * 3) };
    const first = pool.decode(large, 'large');
    const second = pool.decode('/', 'folder');
    second.cancel();
    expect(await first.result).toMatchObject({ height: 2, width: 2 });
    expect(await second.result).toMatchObject({ problem: 'cancelled' });
  });

  test('closing fails pending requests', async () => {
    const closing = new DecodePool(settings);
    const { result } = closing.decode(image, 'image');
    await closing.close();
    await expect(result).rejects.toThrow('closed');
    await expect(closing.decode(image, 'image').result).rejects.toThrow('closed');
  });
});
