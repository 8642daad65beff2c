import { Rng } from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import { imageNetNormalization } from './augment.js';
import { checkImage } from './check-image.js';
import { imageFromRgba } from './image-from-rgba.js';
import { ImageLoader } from './loader.js';
import { prepareImages } from './prepare.js';
import type { Image } from './source.js';

const pixels = new Uint8Array(3 * 4 * 5);

const wrong: [what: string, image: unknown, message: RegExp][] = [
  ['RGBA', { height: 4, width: 5, pixels: new Uint8Array(80) }, /: got 80 bytes .* = 60 .*with imageFromRgba\(/],
  ['one channel', { height: 4, width: 5, pixels: new Uint8Array(20) }, /: got 20 bytes .*For a grayscale image/],
  ['too short', { height: 4, width: 5, pixels: new Uint8Array(59) }, /: got 59 bytes instead of 3 × 5 × 4 = 60 /],
  ['none', { height: 4, width: 5, pixels: new Uint8Array(0) }, /: got 0 bytes/],
  [
    'floats',
    { height: 4, width: 5, pixels: new Float32Array(60) },
    /must be a Uint8Array .* not a Float32Array\. Convert values in/,
  ],
  ['a plain array', { height: 4, width: 5, pixels: [...pixels] }, /must be a Uint8Array .* not a plain array$/],
  ['no pixels', { height: 4, width: 5 }, /pixels must be a Uint8Array .* not undefined$/],
  ['no width', { height: 4, pixels }, /width must be a whole number from 1 to 16384, not undefined$/],
  [
    '0 × 0',
    { height: 0, width: 0, pixels: new Uint8Array(0) },
    /height must be a whole number from 1 to 16384, not 0$/,
  ],
  ['half a pixel', { height: 2.5, width: 8, pixels }, /height must be a whole number from 1 to 16384, not 2\.5$/],
  ['NaN', { height: Number.NaN, width: 5, pixels }, /height must be .* not NaN$/],
  ['an endless row', { height: 1, width: 2 ** 53, pixels }, /width must be .* not 9007199254740992$/],
  ['a path', 'cat.png', /must be an object, not "cat\.png"$/],
  ['only bytes', pixels, /must be an object, not a Uint8Array$/],
  ['nothing', undefined, /must be an object, not undefined$/],
  ['a list', [{ height: 4, width: 5, pixels }], /must be an object, not \[/],
];

describe('an image in memory', () => {
  test('with three bytes per pixel is accepted', () => {
    checkImage({ height: 4, width: 5, pixels });
    checkImage({ height: 4, width: 5, pixels: Buffer.from(pixels) });
    checkImage({ height: 4, width: 5, pixels: new Uint8ClampedArray(pixels) });
  });

  test.each(wrong)('%s is refused in one line by every function', async (_, image, message) => {
    const preprocessing = { resize: 8, normalization: imageNetNormalization };
    expect(() => checkImage(image)).toThrow(message);
    expect(() => prepareImages([image as Image], preprocessing, 8)).toThrow(message);
    expect(() => prepareImages([image as Image], preprocessing, 8)).toThrow(/^image 0[^\n]*$/);
    // From a source, a path and bytes are image files.
    if (typeof image === 'string' || image instanceof Uint8Array) return;
    const source = { length: 1, label: () => 0, name: () => 'mine[0]', image: () => image as Image };
    const loader = new ImageLoader(source, { batchSize: 1, size: 8, rng: Rng.fromSeed(0), workers: 1 });
    const read = async () => {
      for await (const batch of loader.epoch(0)) batch.images.dispose();
    };
    await expect(read()).rejects.toThrow(message);
    await expect(read()).rejects.toThrow(/^mine\[0\][^\n]*$/);
    await loader.close();
  });

  test.each<[string, unknown, RegExp]>([
    ['RGB', { height: 4, width: 5, data: pixels }, /: got 60 bytes .* = 80 .*RGB without alpha is already an image/],
    ['floats', { height: 4, width: 5, data: new Float64Array(80) }, /data must be a Uint8Array .* not a Float64Array/],
    ['nothing', undefined, /must be an object, not undefined/],
    ['no canvas', { height: 0, width: 0, data: new Uint8ClampedArray(0) }, /height must be a whole number from 1/],
  ])('imageFromRgba refuses %s', (_, image, message) => {
    expect(() => imageFromRgba(image as never)).toThrow(message);
  });

  test('refuses a thin strip whose scaled image would not fit in memory', () => {
    const strip = { height: 1, width: 16_384, pixels: new Uint8Array(3 * 16_384) };
    expect(() => prepareImages([strip], { resize: 256, normalization: imageNetNormalization }, 224)).toThrow(
      /^image 0: scaled to 4194304 × 256, it would exceed the limit of 100000000 pixels/,
    );
  });

  test('a single image instead of an array gets a remedy', () => {
    const preprocessing = { resize: 8, normalization: imageNetNormalization };
    expect(() => prepareImages({ height: 4, width: 5, pixels } as never, preprocessing, 8)).toThrow(
      'images must be an array of images, not an object. Wrap a single image as [image]',
    );
  });
});
