import { dispose, Rng } from '@mobinet/tensor';
import { describe, expect, onTestFinished, test } from 'vitest';
import { randomCropAndFlip } from './augment.js';
import type { BatchLoader } from './batch-loader.js';
import { encodeJpeg, encodePng, picture } from './fixtures.test.helper.js';
import { imagesFromArrays } from './image-arrays.js';
import { ImageLoader } from './loader.js';
import type { ImageSource } from './source.js';
import { ImageLoader as WebImageLoader } from './web-loader.js';

const [height, width] = [7, 9];
const labels = [2, 0, 1, 1, 0, 2, 0];
const pictures = labels.map((_, index) => picture(height, width, index));
const pixels = new Uint8Array(Buffer.concat(pictures.map((image) => image.pixels)));
const arrays = { height, width, pixels, labels: Uint8Array.from(labels), classes: ['a', 'b', 'c'] };

const options = {
  batchSize: 3,
  size: 8,
  rng: Rng.fromSeed(4),
  shuffle: true,
  augment: { ...randomCropAndFlip, padding: 1 },
  onWarning: () => {},
};

/** Every bit of two epochs. */
async function readAll(loader: BatchLoader): Promise<unknown> {
  onTestFinished(() => loader.close());
  const batches: unknown[] = [];
  for (const epoch of [0, 1]) {
    for await (const batch of loader.epoch(epoch)) {
      batches.push([[...batch.labels.values], Buffer.from(new Uint8Array(batch.images.values.slice().buffer))]);
      dispose(batch);
    }
  }
  return batches;
}

/** The pictures as a source of its own, in several forms. */
const sourceOf = (image: ImageSource['image']): ImageSource => ({
  length: labels.length,
  label: (index) => labels[index],
  image,
});

describe('imagesFromArrays', () => {
  test('gives the images that it was made of', () => {
    const source = imagesFromArrays(arrays);
    expect(source.length).toBe(7);
    expect(Array.from(labels, (_, index) => source.label(index))).toEqual(labels);
    expect(Array.from(labels, (_, index) => source.image(index))).toEqual(pictures);
  });

  test.each([
    ['too few pixels', { pixels: pixels.subarray(1) }, RangeError, /^pixels of 7 images, as many as labels: got/],
    ['floats', { pixels: new Float32Array(pixels) }, TypeError, /^pixels must be a Uint8Array/],
    [
      'a plain array of pixels',
      { pixels: [...pixels] },
      TypeError,
      /^pixels must be a Uint8Array .* not a plain array/,
    ],
    ['no labels', { labels: [] }, RangeError, /^labels.length must be/],
    ['labels that are no array', { labels: 7 }, TypeError, /^labels must be an array, not 7/],
    ['a label that is not a class', { labels: [0, 1, 2, 3, 0, 0, 0] }, RangeError, /^labels\[3\] must be/],
    ['a label that is not whole', { labels: [0, 0.5, 1, 1, 1, 1, 1] }, RangeError, /^labels\[1\] must be/],
    ['no height', { height: 0 }, RangeError, /height must be/],
  ])('refuses %s in one line', (_, wrong, type, message) => {
    const make = (): ImageSource => imagesFromArrays({ ...arrays, ...wrong } as typeof arrays);
    expect(make).toThrow(type);
    expect(make).toThrow(message);
  });
});

describe('an image loader', () => {
  test('gives the same bits for arrays and for other sources of the same images, in Node and on a web page', async () => {
    const expected = await readAll(new ImageLoader(imagesFromArrays(arrays), { ...options, workers: 2 }));
    const sources = [
      imagesFromArrays(arrays),
      sourceOf((index) => pictures[index]),
      sourceOf(async (index) => pictures[index]),
    ];
    for (const source of sources) {
      expect(await readAll(new ImageLoader(source, options))).toEqual(expected);
      expect(await readAll(new WebImageLoader(source, options))).toEqual(expected);
    }
    const files = pictures.map((image) => encodePng(height, width, image.pixels));
    // Part of a larger buffer, as in an archive.
    const archive = Buffer.concat(files);
    const starts = files.map((_, index) => Buffer.concat(files.slice(0, index)).length);
    const part = (index: number): Buffer => archive.subarray(starts[index], starts[index] + files[index].length);
    expect(await readAll(new ImageLoader(sourceOf(part), options))).toEqual(expected);
    expect(
      await readAll(
        new ImageLoader(
          sourceOf(async (index) => part(index)),
          options,
        ),
      ),
    ).toEqual(expected);
  });

  test('on a web page refuses encoded images, and skips the same images as in Node', async () => {
    const encoded = new WebImageLoader(
      sourceOf(() => encodeJpeg(pictures[0])),
      options,
    );
    await expect(readAll(encoded)).rejects.toThrow(/^image \d is not decoded\. On a web page, a source must return/);
    const mixed = sourceOf((index) => (index === 3 ? picture(5, 5) : picture(8, 8, index)));
    const [web, node] = [WebImageLoader, ImageLoader].map(
      (Loader) => new Loader(mixed, { ...options, exactSize: true }),
    );
    expect(await readAll(web)).toEqual(await readAll(node));
    expect([web.skipped, node.skipped]).toEqual([1, 1]);
  });

  test('reports a source that fails, and stops', async () => {
    const source = sourceOf((index) => {
      if (index === 5) return Promise.reject(new Error('no network'));
      return Promise.resolve(pictures[index]);
    });
    await expect(readAll(new ImageLoader(source, options))).rejects.toThrow('no network');
  });
});
