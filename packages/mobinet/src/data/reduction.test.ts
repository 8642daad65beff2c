import { fc, test } from '@fast-check/vitest';
import { Rng } from '@mobinet/tensor';
import sharp, { type Sharp } from 'sharp';
import { describe, expect } from 'vitest';
import { decodeImage } from './decode.js';
import { reductionFor } from './reduction.js';
import { resize, resizeShorterSide, shorterSideTo } from './resize.js';
import type { Image } from './source.js';

/** Noise at all scales, as in photos, and disks with sharp edges. */
function photo(height: number, width: number): Image {
  const rng = Rng.fromSeed(1);
  const sums = new Float64Array(3 * height * width).fill(128);
  for (let grain = 4; grain <= width; grain *= 2) {
    const noise = Uint8Array.from({ length: 3 * grain * grain }, () => rng.integer(256));
    const { pixels } = resize({ height: grain, width: grain, pixels: noise }, height, width);
    for (let i = 0; i < sums.length; i++) sums[i] += (pixels[i] - 127.5) * (2 / Math.sqrt(grain));
  }
  for (let i = 0; i < sums.length; i++) {
    const pixel = Math.floor(i / 3);
    if (Math.hypot(((pixel % width) % 90) - 45, (Math.floor(pixel / width) % 90) - 45) < 20) sums[i] = 50 * (i % 3);
  }
  return { height, width, pixels: Uint8Array.from(Uint8ClampedArray.from(sums)) };
}

interface Encoding {
  readonly encode: (image: Sharp) => Sharp;
  /** The largest mean error, and the largest error of a byte: about 1.3 times those measured. */
  readonly mean: number;
  readonly most: number;
}

const encodings: Record<string, Encoding> = {
  JPEG: { encode: (image) => image.jpeg({ quality: 90 }), mean: 1.4, most: 15 },
  'JPEG, 4:4:4': { encode: (image) => image.jpeg({ quality: 90, chromaSubsampling: '4:4:4' }), mean: 1.4, most: 15 },
  'progressive JPEG': { encode: (image) => image.jpeg({ quality: 90, progressive: true }), mean: 1.4, most: 15 },
  'gray JPEG': { encode: (image) => image.grayscale().jpeg({ quality: 90 }), mean: 1, most: 12 },
  // libvips reduces cyan, magenta, yellow and black, whose products are the colors.
  'CMYK JPEG': { encode: (image) => image.toColourspace('cmyk').jpeg({ quality: 90 }), mean: 2.5, most: 21 },
  PNG: { encode: (image) => image.png(), mean: 1.6, most: 16 },
  // libwebp reduces subsampled colors without interpolating them.
  WebP: { encode: (image) => image.webp({ quality: 90 }), mean: 2.3, most: 35 },
};

const limits = { pixelLimit: 1e6 };

describe('an image far larger than requested is scaled as from all pixels, up to a small error', () => {
  // The sizes are no multiples of 8, and all factors occur.
  const original = photo(599, 421);

  describe.each(Object.entries(encodings))('%s', (_, { encode, mean, most }) => {
    test.each([70, 60, 42, 30, 23, 9])('to %d pixels', async (side) => {
      const { height, width, pixels } = original;
      const bytes = await encode(sharp(pixels, { raw: { height, width, channels: 3 } })).toBuffer();
      const exact = resizeShorterSide(await decodeImage(bytes, limits), side);
      const result = await decodeImage(bytes, { ...limits, side });
      expect([result.height, result.width]).toEqual([exact.height, exact.width]);
      const errors = Array.from(exact.pixels, (value, i) => Math.abs(value - result.pixels[i]));
      const sum = errors.reduce((sum, error) => sum + error, 0);
      expect(sum).toBeGreaterThan(0);
      expect(sum / errors.length).toBeLessThan(mean);
      expect(Math.max(...errors)).toBeLessThan(most);
    });
  });

  test('and rotated as its orientation says', async () => {
    const { height, width, pixels } = original;
    const image = sharp(pixels, { raw: { height, width, channels: 3 } }).jpeg();
    const upright = await decodeImage(await image.toBuffer(), { ...limits, side: 30 });
    const rotated = await decodeImage(await image.withMetadata({ orientation: 6 }).toBuffer(), { ...limits, side: 30 });
    expect([rotated.height, rotated.width]).toEqual([upright.width, upright.height]);
    expect(rotated.pixels.subarray(0, 3)).toEqual(
      upright.pixels.subarray(3 * upright.width * (upright.height - 1)).subarray(0, 3),
    );
  });
});

test('an image less than six times as large is decoded as a whole', async () => {
  const { height, width, pixels } = photo(599, 421);
  const bytes = await sharp(pixels, { raw: { height, width, channels: 3 } })
    .jpeg()
    .toBuffer();
  expect(await decodeImage(bytes, { ...limits, side: 71 })).toEqual(await decodeImage(bytes, limits));
});

describe('reductionFor', () => {
  const length = fc.integer({ min: 1, max: 20_000 });

  test.prop([length, length, fc.integer({ min: 1, max: 500 }), fc.boolean()])(
    'leaves at least twice the requested size, and nearly all of the image',
    (height, width, side, isJpeg) => {
      const reduction = reductionFor({ height, width }, side, isJpeg);
      const shorter = Math.min(height, width);
      if (shorter < 6 * side) {
        expect(reduction).toBeNull();
        return;
      }
      const { reduced, whole, scaled } = reduction!;
      expect([scaled.height, scaled.width]).toEqual(shorterSideTo(side, height, width));
      expect(Math.min(reduced.height, reduced.width)).toBeGreaterThanOrEqual(2 * side);
      for (const key of ['height', 'width'] as const) {
        expect(reduced[key]).toBeLessThanOrEqual({ height, width }[key] / 3);
        // At most 7 pixels of the image are missing.
        expect(whole[key]).toBeGreaterThanOrEqual(reduced[key]);
        const length = { height, width }[key];
        expect(whole[key] * (length - 7)).toBeLessThanOrEqual(reduced[key] * length * (1 + 1e-12));
      }
    },
  );

  test.each([
    ['4000×3000 to 256', 3000, 256, 600],
    ['4000×3000 to 72', 3000, 72, 333],
    ['1600×1536 to 256', 1536, 256, 512],
  ])('%s', (_, height, side, reduced) => {
    expect(reductionFor({ height, width: 4000 }, side, true)?.reduced.height).toBe(reduced);
  });
});
