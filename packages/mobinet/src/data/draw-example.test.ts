import { Rng } from '@mobinet/tensor';
import { describe, expect, test } from 'vitest';
import {
  type Augmentation,
  centerCrop,
  drawView,
  imageNetNormalization,
  normalizationTable,
  randomCropAndFlip,
  rangeFrom,
  readView,
  writeExample,
} from './augment.js';
import { drawExample } from './draw-example.js';
import { picture } from './fixtures.test.helper.js';
import { erasingDefaults } from './random-erasing.js';
import { resize } from './resize.js';
import { drawAngle, readRotated } from './rotate.js';
import type { Image } from './source.js';

const size = 8;
const table = normalizationTable(imageNetNormalization);
const image = picture(14, 20, 1);

function example(image: Image, augment: Augmentation, seed = 1): Float32Array {
  const target = new Float32Array(size * size * 3).fill(Number.NaN);
  drawExample(image, { size, augment, table }, Rng.fromSeed(seed), target);
  return target;
}

describe('drawExample', () => {
  test.each([centerCrop, randomCropAndFlip, { ...randomCropAndFlip, padding: 3 }])(
    'without the newer options draws what it always drew, so old runs resume with the same bits: %j',
    (augment) => {
      const expected = new Float32Array(size * size * 3);
      writeExample(image, drawView(image, size, augment, Rng.fromSeed(1)), table, expected, 0);
      expect(example(image, augment)).toEqual(expected);
    },
  );

  test('a resized crop of everything is the resized image', () => {
    const augment: Augmentation = { ...centerCrop, crop: 'resized', cropScale: [1, 1], cropRatio: [1, 1] };
    const square = picture(14, 14, 1);
    const whole = resize(square, size, size);
    const expected = new Float32Array(size * size * 3);
    writeExample(whole, drawView(whole, size, centerCrop, null), table, expected, 0);
    expect(example(square, augment)).toEqual(expected);
  });

  test('a resized crop shows a part of the image', () => {
    // Each pixel shows its place, and the average over a symmetric neighborhood is the place of its center.
    const side = 120;
    const pixels = Uint8Array.from({ length: side * side * 3 }, (_, at) => {
      const [row, column] = [Math.floor(at / 3 / side), Math.floor(at / 3) % side];
      return [2 * row, 2 * column, 0][at % 3];
    });
    const identity = normalizationTable({ mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] });
    const augment: Augmentation = { ...centerCrop, crop: 'resized', cropScale: [0.25, 0.25], cropRatio: [1, 1] };
    const seen = new Set<number>();
    for (let seed = 0; seed < 20; seed++) {
      const target = new Float32Array(size * size * 3);
      const place = { height: side, width: side, pixels };
      drawExample(place, { size, augment, table: identity }, Rng.fromSeed(seed), target);
      // 60 pixels become 8, so neighbors are 7.5 pixels apart, and their values 15.
      const [top, left] = [target[0], target[1]];
      expect(Math.abs(target[3 * 3 + 1] - left - 3 * 15)).toBeLessThanOrEqual(1);
      expect(Math.abs(target[3 * size * 3] - top - 3 * 15)).toBeLessThanOrEqual(1);
      seen.add(top);
    }
    expect(seen.size).toBeGreaterThan(10);
  });

  test.each(['random', 'resized'] as const)('rotates the whole image, then crops as without (%s)', (crop) => {
    const augment: Augmentation = { ...randomCropAndFlip, crop };
    for (let seed = 0; seed < 10; seed++) {
      const degrees = drawAngle(30, Rng.fromSeed(seed).split('rotate'));
      const rotated = readRotated({ image, degrees }, { rows: rangeFrom(0, 14), columns: rangeFrom(0, 20) });
      expect(rotated).not.toEqual(image);
      expect(example(image, { ...augment, rotate: 30 }, seed)).toEqual(example(rotated, augment, seed));
    }
  });

  test('crops and mirrors in the same way with and without changed colors and erased rectangles', () => {
    const augment: Augmentation = { ...randomCropAndFlip, crop: 'resized', verticalFlip: true, rotate: 20 };
    const still = { brightness: 0, contrast: 0, saturation: 0 };
    for (let seed = 0; seed < 10; seed++) {
      const plain = example(image, augment, seed);
      expect(example(image, { ...augment, colorJitter: still }, seed)).toEqual(plain);
      const erased = example(image, { ...augment, erase: { ...erasingDefaults, probability: 1 } }, seed);
      expect(erased).not.toEqual(plain);
      erased.forEach((value, i) => {
        if (value !== 0) expect(value).toBe(plain[i]);
      });
      const jittered = example(image, { ...augment, colorJitter: { ...still, brightness: 0.5 } }, seed);
      expect(jittered).not.toEqual(plain);
    }
  });

  test('jitters padding, too, as torchvision', () => {
    const white = { height: 2, width: 2, pixels: new Uint8Array(12).fill(255) };
    const augment: Augmentation = { ...centerCrop, colorJitter: { brightness: 0, contrast: 1, saturation: 0 } };
    // The contrast of black padding falls with that of the white image: black becomes gray.
    const corners = Array.from({ length: 20 }, (_, seed) => example(white, augment, seed)[0]);
    expect(Math.max(...corners)).toBeGreaterThan(table[0]);
  });
});

test('readView copies what a view shows, and black outside', () => {
  const view = { rows: Int32Array.of(1, -1), columns: Int32Array.of(2, 0) };
  const { height, width, pixels } = readView(image, view);
  expect([height, width]).toEqual([2, 2]);
  const at = (row: number, column: number) => [...image.pixels.subarray((row * 20 + column) * 3).subarray(0, 3)];
  expect([...pixels]).toEqual([...at(1, 2), ...at(1, 0), 0, 0, 0, 0, 0, 0]);
});
