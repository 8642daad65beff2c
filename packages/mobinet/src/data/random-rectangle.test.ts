import { fc, test } from '@fast-check/vitest';
import { Rng } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import { checkInterval, drawRectangle } from './random-rectangle.js';
import { drawResizedCrop, resizedCropDefaults } from './resized-crop.js';

const side = fc.integer({ min: 1, max: 300 });
const options = fc.record({
  scale: fc.tuple(fc.double({ min: 0.01, max: 1, noNaN: true }), fc.double({ min: 0.01, max: 1, noNaN: true })),
  ratio: fc.tuple(fc.double({ min: 0.1, max: 10, noNaN: true }), fc.double({ min: 0.1, max: 10, noNaN: true })),
});
const ascending = ([a, b]: [number, number]): [number, number] => (a < b ? [a, b] : [b, a]);

describe('drawResizedCrop', () => {
  test.prop([side, side, options, fc.nat()])('lies inside the image', (height, width, { scale, ratio }, seed) => {
    const intervals = { scale: ascending(scale), ratio: ascending(ratio) };
    const crop = drawResizedCrop({ height, width }, intervals, Rng.fromSeed(seed));
    for (const value of Object.values(crop)) expect(Number.isInteger(value)).toBe(true);
    expect(crop.top).toBeGreaterThanOrEqual(0);
    expect(crop.left).toBeGreaterThanOrEqual(0);
    expect(crop.height).toBeGreaterThan(0);
    expect(crop.width).toBeGreaterThan(0);
    expect(crop.top + crop.height).toBeLessThanOrEqual(height);
    expect(crop.left + crop.width).toBeLessThanOrEqual(width);
  });

  test('draws areas uniformly, and ratios uniformly in their logarithm, from their intervals', () => {
    // Small enough to fit at any ratio, so that no draw is repeated.
    const [height, width] = [1000, 1000];
    const [areas, ratios, lefts]: number[][] = [[], [], []];
    for (let i = 0; i < 4000; i++) {
      const rng = Rng.fromSeed(1).split(i);
      const crop = drawResizedCrop({ height, width }, { scale: [0.1, 0.5], ratio: [1 / 2, 2] }, rng);
      areas.push((crop.height * crop.width) / (height * width));
      ratios.push(Math.log2(crop.width / crop.height));
      lefts.push(crop.left / (width - crop.width));
    }
    expectUniform(areas, 0.1, 0.5);
    expectUniform(ratios, -1, 1);
    expectUniform(lefts, 0, 1);
  });

  /** The largest distance of the empirical distribution from the uniform one (Kolmogorov–Smirnov). */
  function expectUniform(values: number[], low: number, high: number): void {
    const sorted = values.toSorted((a, b) => a - b);
    const distances = sorted.map((value, i) => Math.abs((value - low) / (high - low) - (i + 0.5) / sorted.length));
    // For uniform values, 1.95 / √n is exceeded once in a thousand seeds.
    expect(Math.max(...distances)).toBeLessThan(1.95 / Math.sqrt(sorted.length));
  }

  test('falls back to the center if nothing fits: the whole image, or as much as the ratio allows', () => {
    const whole = { scale: [1, 1], ratio: [3 / 4, 4 / 3] } as const;
    const rng = Rng.fromSeed(1);
    expect(drawResizedCrop({ height: 30, width: 300 }, whole, rng)).toEqual({
      top: 0,
      left: 130,
      height: 30,
      width: 40,
    });
    expect(drawResizedCrop({ height: 300, width: 30 }, whole, rng)).toEqual({
      top: 130,
      left: 0,
      height: 40,
      width: 30,
    });
    const wide = { scale: [1, 1], ratio: [2, 9] } as const;
    expect(drawResizedCrop({ height: 10, width: 50 }, { ...wide, ratio: [5, 5] }, rng)).toMatchObject({ width: 50 });
    expect(drawResizedCrop({ height: 10, width: 10 }, wide, rng)).toEqual({ top: 2, left: 0, height: 5, width: 10 });
  });

  test('has the defaults of torchvision', () => {
    expect(resizedCropDefaults).toEqual({ scale: [0.08, 1], ratio: [0.75, 4 / 3] });
  });
});

test('drawRectangle gives up after ten attempts', () => {
  const rng = Rng.fromSeed(1);
  const options = { scale: [1, 1], ratio: [1, 1] } as const;
  expect(drawRectangle({ height: 8, width: 8 }, { height: 7, width: 8 }, options, rng)).toBe(null);
  expect(rng.state.counter).toBe(20);
});

test.each([
  [[1], 'x must be two numbers, the lowest and the highest, not [1]'],
  [0.5, 'x must be two numbers, the lowest and the highest, not 0.5'],
  [[0.5, '1'], 'x[1] must be a number above 0, up to 1, not "1"'],
  [[0, 1], 'x[0] must be a number above 0, up to 1, not 0'],
  [[0.5, 0.4], 'x must be in ascending order, not [0.5,0.4]'],
])('checkInterval refuses %j', (value, message) => {
  expect(() => checkInterval('x', value, { above: 0, to: 1 })).toThrow(new RangeError(message));
});
