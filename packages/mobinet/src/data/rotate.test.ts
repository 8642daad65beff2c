import { fc, test } from '@fast-check/vitest';
import { Rng } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import { rangeFrom, readView, type View } from './augment.js';
import { picture } from './fixtures.test.helper.js';
import { drawAngle, readRotated } from './rotate.js';
import type { Image } from './source.js';

const wholeView = ({ height, width }: Image): View => ({ rows: rangeFrom(0, height), columns: rangeFrom(0, width) });
const rotated = (image: Image, degrees: number): Image => readRotated({ image, degrees }, wholeView(image));
const mirrored = (image: Image): Image => {
  const { rows, columns } = wholeView(image);
  return readView(image, { rows: rows.reverse(), columns: columns.reverse() });
};

const side = fc.integer({ min: 1, max: 12 });
const angle = fc.double({ min: -180, max: 180, noNaN: true });
const images = fc.tuple(side, side, fc.nat(9)).map(([height, width, seed]) => picture(height, width, seed));

describe('readRotated', () => {
  // np.asarray(Image.fromarray(pixels).rotate(degrees, Image.BILINEAR))[..., 0]
  test.each([
    [5, 10, [32, 141, 182, 119, 212, 48, 145, 34, 149, 175, 87, 199, 88, 185, 82, 139, 80, 101, 210, 141]],
    [5, -33.5, [71, 79, 132, 221, 0, 119, 185, 67, 113, 125, 73, 114, 103, 156, 229, 0, 129, 208, 105, 117]],
    [5, 90, [137, 164, 154, 144, 0, 152, 115, 106, 159, 0, 166, 130, 120, 110, 0, 55, 82, 135, 125, 0]],
    [5, 137, [199, 93, 216, 162, 0, 197, 149, 107, 107, 36, 95, 122, 78, 199, 129, 0, 189, 129, 84, 93]],
    [4, 90, [82, 24, 217, 159, 222, 164, 106, 48, 111, 53, 246, 188, 0, 193, 135, 77]],
    [4, 137, [0, 189, 69, 0, 41, 131, 167, 166, 179, 123, 149, 132, 0, 92, 135, 0]],
  ])('gives the bytes of Pillow 13: a width of %d by %d degrees', (width, degrees, expected) => {
    const image = { height: 4, width, pixels: Uint8Array.from({ length: 12 * width }, (_, i) => (37 * i) % 251) };
    expect([...rotated(image, degrees).pixels].filter((_, i) => i % 3 === 0)).toEqual(expected);
  });

  test.prop([images])('by nothing changes nothing, and by 180 degrees mirrors in both directions', (image) => {
    expect(rotated(image, 0)).toEqual(image);
    expect(rotated(image, 180)).toEqual(mirrored(image));
    expect(rotated(image, -180)).toEqual(mirrored(image));
  });

  test.prop([side, fc.nat(9)])('four quarter turns of a square are none', (side, seed) => {
    const image = picture(side, side, seed);
    const quarter = rotated(image, 90);
    expect(rotated(rotated(quarter, 90), 180)).toEqual(image);
    // Counterclockwise: the upper right corner becomes the upper left one.
    expect(quarter.pixels.subarray(0, 3)).toEqual(image.pixels.subarray(3 * (side - 1), 3 * side));
  });

  test.prop([images, angle, fc.array(fc.integer({ min: -1, max: 11 })), fc.array(fc.integer({ min: -1, max: 11 }))])(
    'reads the same pixels as from the whole rotated image',
    (image, degrees, rows, columns) => {
      const view = {
        rows: Int32Array.from(rows, (row) => Math.min(row, image.height - 1)),
        columns: Int32Array.from(columns, (column) => Math.min(column, image.width - 1)),
      };
      expect(readRotated({ image, degrees }, view)).toEqual(readView(rotated(image, degrees), view));
    },
  );

  test.prop([angle])('moves each point by the angle, and is black where there was none', (degrees) => {
    // The color is the place: bilinear interpolation is exact on it, up to the fraction that is cut off.
    const side = 40;
    const pixels = Uint8Array.from({ length: 3 * side * side }, (_, i) => {
      const pixel = Math.floor(i / 3);
      return [6 * (pixel % side), 6 * Math.floor(pixel / side), 200][i % 3];
    });
    const result = rotated({ height: side, width: side, pixels }, degrees);
    const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
    for (let row = 0; row < side; row++) {
      for (let column = 0; column < side; column++) {
        // Rows count downward, so a counterclockwise rotation of what is shown has this inverse.
        const [x, y] = [column - (side - 1) / 2, row - (side - 1) / 2];
        const [fromX, fromY] = [cos * x - sin * y + (side - 1) / 2, sin * x + cos * y + (side - 1) / 2];
        const [red, green, blue] = result.pixels.subarray(3 * (row * side + column));
        const beyond = Math.max(-fromX, -fromY, fromX - (side - 1), fromY - (side - 1));
        if (beyond > 0.5 + 1e-9) expect([red, green, blue]).toEqual([0, 0, 0]);
        if (beyond > 0) continue;
        expect(blue).toBe(200);
        expect(Math.abs(red + 0.5 - 6 * fromX)).toBeLessThanOrEqual(0.5 + 1e-9);
        expect(Math.abs(green + 0.5 - 6 * fromY)).toBeLessThanOrEqual(0.5 + 1e-9);
      }
    }
  });
});

test('drawAngle draws uniformly from both directions', () => {
  const angles = Array.from({ length: 2000 }, (_, i) => drawAngle(30, Rng.fromSeed(1).split(i)));
  expect(Math.min(...angles)).toBeGreaterThanOrEqual(-30);
  expect(Math.min(...angles)).toBeLessThan(-29.5);
  expect(Math.max(...angles)).toBeLessThan(30);
  expect(Math.max(...angles)).toBeGreaterThan(29.5);
  // The standard deviation of the mean is 30 / √(3 · 2000) = 0.39.
  expect(Math.abs(angles.reduce((a, b) => a + b) / 2000)).toBeLessThan(2);
});
