import { readFileSync } from 'node:fs';
import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { resize, resizePlain, resizeShorterSide } from './resize.js';
import { resizeFast } from './resize.wasm.js';
import type { Image } from './source.js';
import { triangleFilter } from './triangle-filter.js';

const sides = fc.integer({ min: 1, max: 24 });

const images = fc
  .tuple(sides, sides)
  .chain(([height, width]) =>
    fc
      .uint8Array({ minLength: height * width * 3, maxLength: height * width * 3 })
      .map((pixels): Image => ({ height, width, pixels })),
  );

/** A gray image of one row. */
function grayRow(...values: number[]): Image {
  return { height: 1, width: values.length, pixels: Uint8Array.from(values.flatMap((value) => [value, value, value])) };
}

const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / values.length;

const transpose = ({ height, width, pixels }: Image): Image => ({
  height: width,
  width: height,
  pixels: pixels.map((_, i) => {
    const [row, column] = [Math.floor(i / 3 / height), Math.floor(i / 3) % height];
    return pixels[(column * width + row) * 3 + (i % 3)];
  }),
});

describe('resize', () => {
  test("matches Pillow's bytes", () => {
    const expected = JSON.parse(readFileSync(new URL('../../fixtures/expected.json', import.meta.url), 'utf8'));
    const bytes = (name: string): Uint8Array => new Uint8Array(Buffer.from(expected[name].pixels, 'base64'));
    const image: Image = { ...expected['rgb.png'], pixels: bytes('rgb.png') };
    for (let index = 0; index < 5; index++) {
      const { height, width } = expected[`resize-${index}`];
      expect(resize(image, height, width).pixels).toEqual(bytes(`resize-${index}`));
    }
  });

  test.prop([images, sides, sides])('the fast kernel matches the definition', (image, height, width) => {
    const filters = [triangleFilter(image.width, width), triangleFilter(image.height, height)] as const;
    expect(resizeFast(image, ...filters)).toEqual(resizePlain(image, ...filters));
  });

  test('the fast kernel matches the definition for the largest sums, and for an image that shrinks to a pixel', () => {
    for (const [height, width] of [
      [1, 40_000],
      [300, 1],
      [3, 17],
      [64, 64],
    ]) {
      const image = { height, width, pixels: new Uint8Array(3 * height * width).fill(255) };
      const filters = [triangleFilter(width, 1), triangleFilter(height, 1)] as const;
      expect(resizePlain(image, ...filters)).toEqual(Uint8Array.of(255, 255, 255));
      expect(resizeFast(image, ...filters)).toEqual(Uint8Array.of(255, 255, 255));
    }
  });

  test.prop([images])('returns an image of the right size unchanged', (image) => {
    expect(resize(image, image.height, image.width)).toBe(image);
  });

  test.prop([sides, sides, sides, sides, fc.nat(255)])(
    'keeps a constant image constant',
    (height, width, toHeight, toWidth, value) => {
      const pixels = new Uint8Array(height * width * 3).fill(value);
      const result = resize({ height, width, pixels }, toHeight, toWidth);
      expect(result.pixels).toEqual(new Uint8Array(toHeight * toWidth * 3).fill(value));
    },
  );

  test('interpolates when an image grows', () => {
    // The new centers are at ¼, ¾, 1¼ and 1¾; the old ones at ½ and 1½.
    expect(resize(grayRow(0, 255), 1, 4)).toEqual(grayRow(0, 64, 191, 255));
  });

  test('averages all pixels when an image shrinks', () => {
    // Around the center 1, the weights are ¾, ¾, ¼, 0 with sum 1¾: (70 · ¾ + 140 · ¼) / 1¾ = 50.
    expect(resize(grayRow(0, 70, 140, 210), 1, 2)).toEqual(grayRow(50, 160));
  });

  test('does not alias stripes finer than the new pixels', () => {
    const stripes = grayRow(...Array.from({ length: 64 }, (_, i) => (i % 2) * 200));
    for (const value of resize(stripes, 1, 8).pixels) expect(Math.abs(value - 100)).toBeLessThan(10);
  });

  test.prop([fc.array(fc.nat(255), { minLength: 60, maxLength: 60 }), fc.integer({ min: 2, max: 6 })])(
    'keeps the mean',
    (values, factor) => {
      // At the edges, truncated triangles give pixels more weight. So the edges are constant here, and wider than a
      // triangle.
      const edge = Array.from({ length: 3 * factor }, () => 100);
      const row = [...edge, ...values, ...edge];
      const shrunk = resize(grayRow(...row), 1, row.length / factor);
      expect(Math.abs(mean(shrunk.pixels) - mean(row))).toBeLessThanOrEqual(0.5);
    },
  );

  test.prop([images, sides, sides])('treats rows and columns alike', (image, height, width) => {
    const direct = resize(image, height, width).pixels;
    const transposed = transpose(resize(transpose(image), width, height)).pixels;
    // The two passes swap. Both round to bytes, as in Pillow, so each order is off by at most 1.
    direct.forEach((value, i) => {
      expect(Math.abs(value - transposed[i])).toBeLessThanOrEqual(2);
    });
  });
});

describe('resizeShorterSide', () => {
  test.prop([images, sides])('keeps the aspect ratio, rounded down', (image, side) => {
    const { height, width, pixels } = resizeShorterSide(image, side);
    const [short, long] = [image.height, image.width].sort((a, b) => a - b);
    expect(Math.min(height, width)).toBe(side);
    expect(Math.max(height, width)).toBe(Math.floor((side * long) / short));
    expect(height <= width).toBe(image.height <= image.width || height === width);
    expect(pixels.length).toBe(height * width * 3);
  });
});
