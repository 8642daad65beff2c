import { fc, test } from '@fast-check/vitest';
import { Rng } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import { adjust, jitterColors } from './color-jitter.js';
import { picture } from './fixtures.test.helper.js';
import type { Image } from './source.js';

const image = picture(7, 5, 1);
const none = { brightness: 0, contrast: 0, saturation: 0 };

const byte = fc.integer({ min: 0, max: 255 });
const images = fc
  .array(fc.tuple(byte, byte, byte), { minLength: 1, maxLength: 20 })
  .map((pixels): Image => ({ height: 1, width: pixels.length, pixels: Uint8Array.from(pixels.flat()) }));
const factors = fc.double({ min: 0, max: 3, noNaN: true });

/** The gray of each pixel, by the weights of ITU-R BT.601. */
const grays = ({ pixels }: Image): number[] =>
  Array.from(
    { length: pixels.length / 3 },
    (_, i) => 0.299 * pixels[3 * i] + 0.587 * pixels[3 * i + 1] + 0.114 * pixels[3 * i + 2],
  );

const mean = (numbers: number[]): number => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

/** What is blended with an image, per element. */
const degenerate = {
  brightness: () => 0,
  contrast: (image: Image) => mean(grays(image)),
  saturation: (image: Image, at: number) => grays(image)[Math.floor(at / 3)],
};

const names = ['brightness', 'contrast', 'saturation'] as const;

describe.each(names)('%s', (name) => {
  test.prop([images])('is unchanged by a factor of 1', (image) => {
    expect(adjust[name](image, 1)).toEqual(image);
  });

  test.prop([images, factors])('is a blend with the degenerate image, up to rounding', (image, factor) => {
    const { height, width, pixels } = adjust[name](image, factor);
    expect([height, width]).toEqual([image.height, image.width]);
    pixels.forEach((value, at) => {
      const from = degenerate[name](image, at);
      const exact = Math.min(255, Math.max(0, from + factor * (image.pixels[at] - from)));
      // The gray is rounded by up to ½ per pixel, and again for the mean; a blend weighs that by |1 − factor|. The blend
      // itself is rounded down.
      expect(Math.abs(value - exact)).toBeLessThanOrEqual(1 + Math.abs(1 - factor) + 1e-4);
    });
  });
});

describe('adjust', () => {
  test.each([
    ['brightness', 0.777, [7, 155, 23, 194, 99, 5, 0, 76, 198, 59, 59, 60]],
    ['brightness', 1.9, [19, 255, 57, 255, 243, 13, 0, 188, 255, 146, 146, 148]],
    ['contrast', 0.777, [32, 179, 47, 218, 123, 29, 24, 101, 222, 84, 84, 85]],
    ['contrast', 1.9, [0, 255, 0, 255, 144, 0, 0, 89, 255, 47, 47, 49]],
    ['saturation', 0.777, [35, 183, 50, 227, 133, 39, 19, 96, 217, 77, 77, 77]],
    ['saturation', 1.9, [0, 255, 0, 255, 107, 0, 0, 109, 255, 77, 77, 78]],
  ] as const)('gives the bytes of Pillow 13: %s by %d', (name, factor, expected) => {
    const pixels = Uint8Array.of(10, 200, 30, 250, 128, 7, 0, 99, 255, 77, 77, 78);
    expect([...adjust[name]({ height: 2, width: 2, pixels }, factor).pixels]).toEqual(expected);
  });

  test('grays have the weights of ITU-R BT.601', () => {
    const colors = Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255);
    const { pixels } = adjust.saturation({ height: 1, width: 4, pixels: colors }, 0);
    expect([...pixels]).toEqual([76, 76, 76, 150, 150, 150, 29, 29, 29, 255, 255, 255]);
  });

  test('a contrast of 0 is the mean gray', () => {
    const pixels = Uint8Array.of(0, 0, 0, 0, 0, 0, 255, 255, 255);
    expect(new Set(adjust.contrast({ height: 1, width: 3, pixels }, 0).pixels)).toEqual(new Set([85]));
  });
});

describe('jitterColors', () => {
  test('changes nothing at strength 0, and never its argument', () => {
    const before = image.pixels.slice();
    expect(jitterColors(image, none, Rng.fromSeed(1))).toEqual(image);
    expect(jitterColors(image, { brightness: 1, contrast: 1, saturation: 1 }, Rng.fromSeed(1))).not.toEqual(image);
    expect(image.pixels).toEqual(before);
  });

  test('draws factors uniformly from 1 − strength to 1 + strength, but at least 0', () => {
    const gray = { height: 1, width: 1, pixels: Uint8Array.of(100, 100, 100) };
    for (const [strength, low, high] of [
      [0.4, 60, 140],
      [1.5, 0, 250],
    ]) {
      const values = Array.from(
        { length: 2000 },
        (_, i) => jitterColors(gray, { ...none, brightness: strength }, Rng.fromSeed(1).split(i)).pixels[0],
      );
      expect(Math.min(...values)).toBe(low);
      expect(Math.max(...values)).toBe(high - 1);
      expect(Math.abs(mean(values) - (low + high) / 2)).toBeLessThan(0.02 * (high - low));
    }
  });

  test('takes all six orders', () => {
    const jitter = { brightness: 0.5, contrast: 0.9, saturation: 0.9 };
    const orders = [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ];
    const seen = new Set<number>();
    for (let i = 0; i < 60; i++) {
      const rng = Rng.fromSeed(2).split(i);
      const draws = Rng.fromState(rng.state);
      const factors = names.map((name) => 1 - jitter[name] + 2 * jitter[name] * draws.float());
      const result = jitterColors(image, jitter, rng);
      const found = orders.findIndex((order) => {
        const expected = order.reduce((image, k) => adjust[names[k]](image, factors[k]), image);
        return Buffer.from(expected.pixels).equals(result.pixels);
      });
      expect(found).toBeGreaterThanOrEqual(0);
      seen.add(found);
    }
    expect(seen.size).toBe(6);
  });
});
