import { Rng, softmax, tensor } from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import { imageNetNormalization, normalizationTable } from '../data/augment.js';
import { picture } from '../data/fixtures.test.helper.js';
import { resize } from '../data/resize.js';
import type { Image, ImageSource } from '../data/source.js';
import { Predictions } from './predictions.js';

const classes = ['cat', 'dog', 'owl'];
const pictures = Array.from({ length: 20 }, (_, seed) => picture(8, 8, seed));
const source: ImageSource = { length: 20, label: (i) => i % 3, name: (i) => `${i}.png`, image: (i) => pictures[i] };
const normalization = imageNetNormalization;

/** A batch of images as the loader makes it. */
function batchOf(images: readonly Image[], from: number) {
  const table = normalizationTable(normalization);
  const [{ height, width }] = images;
  const values = images.flatMap(({ pixels }) => Array.from(pixels, (byte, i) => table[(i % 3) * 256 + byte]));
  return {
    index: 0,
    count: images.length,
    images: tensor(Float32Array.from(values), { shape: [images.length, height, width, 3] }),
    labels: tensor(
      Int32Array.from(images, (_, i) => (from + i) % 3),
      { dtype: 'i32' },
    ),
    indices: Int32Array.from(images, (_, i) => from + i),
  };
}

describe('Predictions', () => {
  test('counts classes, and keeps the images that are most confidently wrong', async () => {
    const predictions = new Predictions({ classes, source, normalization, limit: 5 });
    const logits = Rng.fromSeed(3).normal([20, 3]);
    for (const from of [0, 8, 16]) {
      const count = Math.min(8, 20 - from);
      const scores = tensor(logits.values.slice(from * 3, (from + count) * 3), { shape: [count, 3] });
      await predictions.add(batchOf(pictures.slice(from, from + count), from), scores);
    }
    const probabilities = softmax(logits).values;
    const all = pictures.map((thumbnail, i) => {
      const own = Array.from(probabilities.subarray(3 * i, 3 * i + 3));
      const probability = Math.max(...own);
      return { name: `${i}.png`, label: i % 3, predicted: own.indexOf(probability), probability, thumbnail };
    });
    for (let at = 0; at < 9; at++) {
      const count = all.filter(({ label, predicted }) => 3 * label + predicted === at).length;
      expect(predictions.confusion.get(at) ?? 0).toBe(count);
    }
    const wrong = all.filter(({ label, predicted }) => label !== predicted);
    expect(wrong.length).toBeGreaterThan(5);
    wrong.sort((a, b) => b.probability - a.probability);
    expect(predictions.wrong).toEqual(
      wrong.slice(0, 5).map((image) => ({ ...image, probability: expect.closeTo(image.probability, 6) })),
    );
  });

  test('reduces large images to thumbnails', async () => {
    const predictions = new Predictions({ classes, source, normalization });
    const large = picture(224, 224);
    await predictions.add(batchOf([large], 0), tensor([[0, 1, 0]]));
    expect(predictions.wrong[0].thumbnail).toEqual(resize(large, 96, 96));
  });
});
