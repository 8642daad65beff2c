import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { memory } from '../../backend.js';
import { tensor, zeros } from '../../create.js';
import { ShapeError } from '../../errors.js';
import { Rng } from '../../random.js';
import type { Tensor } from '../../tensor.js';
import { checkOp, tensors } from '../../testing/index.js';
import { borderChannels, gradientOf, rngs, sprinkled, withoutDifferences } from '../borders.test.helper.js';
import { type InterpolateOptions, interpolate } from './interpolate.js';

/** Where an output lies along an axis of the image, from the formulas of the docstring. */
function positionOf(o: number, inputs: number, outputs: number, options: InterpolateOptions): number {
  const { scale, mode, alignCorners } = options;
  const factor = typeof scale === 'number' ? scale : outputs / inputs;
  if (mode !== 'bilinear') return Math.min(inputs - 1, Math.floor(o / factor + 1e-9));
  const position = alignCorners ? (o * (inputs - 1)) / Math.max(1, outputs - 1) : (o + 0.5) / factor - 0.5;
  return Math.min(Math.max(position, 0), inputs - 1);
}

/** The value of the surface between pixels, at a position. */
function surface(x: Tensor, n: number, row: number, column: number, c: number): number {
  const [, height, width, channels] = x.shape;
  const pixel = (i: number, j: number): number =>
    x.values[((n * height + Math.min(i, height - 1)) * width + Math.min(j, width - 1)) * channels + c];
  const [i, j] = [Math.floor(row), Math.floor(column)];
  const [down, right] = [row - i, column - j];
  return (
    (1 - down) * ((1 - right) * pixel(i, j) + right * pixel(i, j + 1)) +
    down * ((1 - right) * pixel(i + 1, j) + right * pixel(i + 1, j + 1))
  );
}

const options = fc.oneof(
  fc.record({ size: fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })) }),
  fc.record({ scale: fc.constantFrom(0.6, 0.75, 1.5, 2, 2.5, 3) }),
);
const modes = fc.constantFrom<InterpolateOptions>(
  { mode: 'nearest' },
  { mode: 'bilinear' },
  { mode: 'bilinear', alignCorners: true },
);
const resized = fc.tuple(options, modes).map(([size, mode]): InterpolateOptions => ({ ...size, ...mode }));

const imageShapes = fc.tuple(
  fc.integer({ min: 1, max: 2 }),
  fc.integer({ min: 2, max: 5 }),
  fc.integer({ min: 2, max: 5 }),
  fc.integer({ min: 1, max: 5 }),
);

describe('interpolate', () => {
  test.prop([imageShapes.chain((shape) => tensors(shape)), resized], { numRuns: 100 })(
    'reads the image at the position of each pixel',
    (x, options) => {
      const y = interpolate(x, options);
      const [batch, height, width, channels] = x.shape;
      const [, outHeight, outWidth] = y.shape;
      if (typeof options.scale === 'number') {
        expect([outHeight, outWidth]).toEqual(
          [height, width].map((size) => Math.floor(size * (options.scale as number))),
        );
      } else expect([outHeight, outWidth]).toEqual(options.size);
      // An axis that keeps its size is copied, whatever the scale.
      const position = (o: number, inputs: number, outputs: number): number =>
        inputs === outputs ? o : positionOf(o, inputs, outputs, options);
      let at = 0;
      for (let n = 0; n < batch; n++) {
        for (let i = 0; i < outHeight; i++) {
          for (let j = 0; j < outWidth; j++) {
            const [row, column] = [position(i, height, outHeight), position(j, width, outWidth)];
            for (let c = 0; c < channels; c++) expect(y.values[at++]).toBeCloseTo(surface(x, n, row, column, c), 4);
          }
        }
      }
    },
  );

  test.prop([imageShapes.chain((shape) => tensors(shape)), resized], { numRuns: 40 })(
    'obeys the laws of ops',
    (x, options) => {
      checkOp((x) => interpolate(x, options), [x]);
    },
  );

  const wide = fc.record({
    batch: fc.constantFrom(1, 3),
    height: fc.integer({ min: 1, max: 9 }),
    width: fc.integer({ min: 1, max: 17 }),
    size: fc.tuple(fc.integer({ min: 1, max: 23 }), fc.integer({ min: 1, max: 20 })),
    mode: modes,
    channels: borderChannels,
    rng: rngs,
  });

  test.prop([wide], { numRuns: 60 })(
    'agrees with its definition for all sizes and channels, as does its gradient',
    ({ batch, height, width, size, mode, channels, rng }) => {
      const f = (x: Tensor): Tensor => interpolate(x, { size, ...mode });
      const x = rng.split('x').normal([batch, height, width, channels]);
      checkOp(f, [x], withoutDifferences);
      checkOp(gradientOf(f, 0), [rng.split('dy').normal([batch, ...size, channels]), x], withoutDifferences);
    },
  );

  test('does not read pixels of weight 0', () => {
    const x = tensor([1, Number.NaN, 3, Number.POSITIVE_INFINITY, 5], { shape: [1, 1, 5, 1] });
    expect([...interpolate(x, { size: [1, 3], mode: 'bilinear', alignCorners: true }).values]).toEqual([1, 3, 5]);
    expect([...interpolate(x, { size: [2, 3], mode: 'bilinear' }).values].slice(0, 2)).toEqual([Number.NaN, 3]);
    const infinite = tensor([Number.POSITIVE_INFINITY, 1], { shape: [1, 1, 2, 1] });
    const wide = interpolate(infinite, { size: [3, 8], mode: 'bilinear' }).values;
    expect([...wide.subarray(0, 8)]).toEqual([...new Array(6).fill(Number.POSITIVE_INFINITY), 1, 1]);
  });

  test.each([1, 3, 4, 5])('gives pixels that no output reads a gradient of 0, with %d channels', (channels) => {
    const x = zeros([1, 4, 6, channels]);
    const dy = sprinkled(Rng.fromSeed(0), [1, 2, 3, channels], [Number.POSITIVE_INFINITY, Number.NaN]);
    const dx = gradientOf((x: Tensor) => interpolate(x, { scale: 0.5 }), 0)(dy, x);
    for (let i = 0; i < dx.size; i++) {
      const [row, column] = [Math.floor(i / (6 * channels)), Math.floor(i / channels) % 6];
      const at = ((row / 2) * 3 + column / 2) * channels + (i % channels);
      expect(dx.values[i]).toBe(row % 2 === 0 && column % 2 === 0 ? dy.values[at] : 0);
    }
  });

  test('copies images that keep their size', () => {
    const x = tensor([1, 2, 3, 4, 5, 6], { shape: [1, 2, 3, 1] });
    for (const mode of ['nearest', 'bilinear'] as const) {
      expect([...interpolate(x, { scale: 1.2, mode }).values]).toEqual([...x.values]);
    }
  });

  test('takes batches and channels of size 0, and frees all but its result', () => {
    expect(interpolate(zeros([0, 2, 2, 3]), { size: 4 }).shape).toEqual([0, 4, 4, 3]);
    expect(interpolate(zeros([1, 2, 2, 0]), { scale: 2 }).shape).toEqual([1, 4, 4, 0]);
    const x = zeros([1, 2, 2, 3]);
    const before = memory().tensors;
    interpolate(x, { scale: [2, 3] });
    expect(memory().tensors - before).toBe(1);
  });

  test('refuses contradictory options, and images without pixels', () => {
    const x = zeros([1, 2, 2, 1]);
    expect(() => interpolate(x, {})).toThrow('interpolate: give either size, such as [64, 64], or scale, such as 2');
    expect(() => interpolate(x, { size: 2, scale: 1 })).toThrow(RangeError);
    expect(() => interpolate(x, { size: 2, alignCorners: true })).toThrow("alignCorners needs mode 'bilinear'");
    expect(() => interpolate(x, { size: 0 })).toThrow('interpolate: size along the height must be a whole number');
    expect(() => interpolate(x, { scale: [1, -2] })).toThrow('interpolate: scale must be a number above 0, not -2');
    expect(() => interpolate(x, { scale: 0.3 })).toThrow('interpolate: a height of 2 cannot be resized to 0');
    expect(() => interpolate(x, { size: 2, mode: 'bicubic' as never })).toThrow('interpolate: mode must be one of');
    expect(() => interpolate(zeros([1, 0, 2, 1]), { size: 2 })).toThrow(ShapeError);
    expect(() => interpolate(zeros([2, 2, 1]), { size: 2 })).toThrow('interpolate: x must have 4 axes');
  });
});
