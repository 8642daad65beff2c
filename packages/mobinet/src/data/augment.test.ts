import { fc, test } from '@fast-check/vitest';
import { Rng } from '@mobinet/tensor';
import { describe, expect } from 'vitest';
import { centerCrop, drawView, normalizationTable, randomCropAndFlip, writeExample } from './augment.js';

const image = (height: number, width: number) => ({ height, width });
const rng = Rng.fromSeed(1);

describe('drawView', () => {
  test('crops the center', () => {
    const { rows, columns } = drawView(image(6, 9), 4, centerCrop, rng);
    expect([...rows]).toEqual([1, 2, 3, 4]);
    expect([...columns]).toEqual([2, 3, 4, 5]);
  });

  test('pads an image smaller than the square evenly with black', () => {
    const { rows, columns } = drawView(image(2, 3), 4, { ...centerCrop, crop: 'random' }, rng);
    expect([...rows]).toEqual([-1, 0, 1, -1]);
    expect([...columns]).toEqual([0, 1, 2, -1]);
  });

  test('reflects at the edges if requested', () => {
    const { rows, columns } = drawView(image(3, 1), 9, { ...centerCrop, paddingMode: 'reflect' }, rng);
    expect([...rows]).toEqual([1, 2, 1, 0, 1, 2, 1, 0, 1]);
    expect([...columns]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  test('draws every position within the padding, mirrored or not, and no other', () => {
    const seen = new Set<string>();
    for (let i = 0; i < 400; i++) {
      const view = drawView(image(3, 2), 3, { ...randomCropAndFlip, padding: 1 }, rng.split(i));
      seen.add(`${view.rows[1]}:${view.columns.join()}`);
    }
    const columns = ['-1,0,1', '1,0,-1', '0,1,-1', '-1,1,0'];
    expect([...seen].sort()).toEqual([0, 1, 2].flatMap((row) => columns.map((list) => `${row}:${list}`)).sort());
  });

  test('mirrors top to bottom half of the time, and independently of left to right', () => {
    const seen = new Map<string, number>();
    for (let i = 0; i < 400; i++) {
      const { rows, columns } = drawView(
        image(2, 2),
        2,
        { ...centerCrop, flip: true, verticalFlip: true },
        rng.split(i),
      );
      const key = `${rows}:${columns}`;
      seen.set(key, (seen.get(key) ?? 0) + 1);
    }
    expect([...seen.keys()].sort()).toEqual(['0,1:0,1', '0,1:1,0', '1,0:0,1', '1,0:1,0']);
    // 100 of each are expected. The standard deviation is √(400 · ¼ · ¾) = 8.7.
    for (const count of seen.values()) expect(Math.abs(count - 100)).toBeLessThan(40);
  });

  test.prop([fc.nat()])('mirrors left to right in the same way with and without top to bottom', (seed) => {
    const draw = (verticalFlip: boolean) =>
      drawView(image(7, 9), 5, { ...randomCropAndFlip, verticalFlip }, Rng.fromSeed(seed));
    expect(draw(true).columns).toEqual(draw(false).columns);
    expect([draw(false).rows, draw(false).rows.slice().reverse()]).toContainEqual(draw(true).rows);
  });

  test.prop([fc.nat(), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.nat(3)])(
    'depends only on the seed',
    (seed, height, width, padding) => {
      const draw = () => drawView(image(height, width), 5, { ...randomCropAndFlip, padding }, Rng.fromSeed(seed));
      expect(draw()).toEqual(draw());
    },
  );
});

describe('writeExample', () => {
  test('normalizes the pixels of the view', () => {
    const mean = [0.5, 0.25, 0] as const;
    const std = [0.5, 0.25, 2] as const;
    const target = new Float32Array(7).fill(9);
    const view = { rows: Int32Array.of(1), columns: Int32Array.of(1, -1) };
    const pixels = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 51, 102);
    writeExample({ height: 2, width: 2, pixels }, view, normalizationTable({ mean, std }), target, 1);
    const expected = [9, 1, (0.2 - 0.25) / 0.25, 0.4 / 2, -1, -1, 0];
    target.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 6);
    });
  });
});
