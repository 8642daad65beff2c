import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { memory } from '../../backend.js';
import { ones, tensor, zeros } from '../../create.js';
import { Rng } from '../../random.js';
import type { Tensor } from '../../tensor.js';
import { checkOp, tensors } from '../../testing/index.js';
import { borderChannels, gradientOf, rngs, sprinkled, withoutDifferences } from '../borders.test.helper.js';
import { avgPool2d } from './average.js';
import { maxPool2d, minPool2d } from './extreme.js';
import type { PoolOptions } from './pool.js';

const options = fc.constantFrom<PoolOptions>(
  { window: 2 },
  { window: 3, stride: 2, padding: 1 },
  { window: [2, 3], stride: 1 },
  { window: [3, 1], stride: [2, 1], padding: 'same' },
  { window: 3, stride: 3, padding: [0, 2] },
  { window: [2, 3], stride: [3, 2], padding: [1, 0], ceilMode: true },
);

const imageShapes = fc.tuple(
  fc.integer({ min: 1, max: 2 }),
  fc.integer({ min: 3, max: 6 }),
  fc.integer({ min: 3, max: 6 }),
  fc.integer({ min: 1, max: 3 }),
);

/** Elements 1/8 apart in random order, so that a finite difference never changes which one is the largest. */
const distinctImages = fc.tuple(imageShapes, fc.nat()).map(([shape, seed]): Tensor => {
  const order = Rng.fromSeed(seed).permutation(shape[0] * shape[1] * shape[2] * shape[3]);
  return tensor(
    Float32Array.from(order.values, (place) => place / 8 - 3),
    { shape },
  );
});

/** The elements in the window of output element (n, i, j, c) without padding, straight from the definition. */
function elementsOf(x: Tensor, { window, stride = window, padding = 'valid' }: PoolOptions) {
  const [, height, width, channels] = x.shape;
  const [taps, steps] = [window, stride].map((value) => (typeof value === 'number' ? [value, value] : value));
  const before = [height, width].map((size, axis) => {
    if (padding === 'valid') return 0;
    if (padding !== 'same') return typeof padding === 'number' ? padding : padding[axis];
    return Math.floor(Math.max(0, (Math.ceil(size / steps[axis]) - 1) * steps[axis] + taps[axis] - size) / 2);
  });
  return (n: number, i: number, j: number, c: number): number[] => {
    const elements: number[] = [];
    for (let row = i * steps[0] - before[0]; row < i * steps[0] - before[0] + taps[0]; row++) {
      for (let column = j * steps[1] - before[1]; column < j * steps[1] - before[1] + taps[1]; column++) {
        const inside = row >= 0 && row < height && column >= 0 && column < width;
        if (inside) elements.push(x.values[((n * height + row) * width + column) * channels + c]);
      }
    }
    return elements;
  };
}

function expectPooled(y: Tensor, x: Tensor, options: PoolOptions, pool: (elements: number[]) => number): void {
  const elements = elementsOf(x, options);
  const [batch, height, width, channels] = y.shape;
  let at = 0;
  for (let n = 0; n < batch; n++) {
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        for (let c = 0; c < channels; c++) expect(y.values[at++]).toBeCloseTo(pool(elements(n, i, j, c)), 5);
      }
    }
  }
}

describe('avgPool2d', () => {
  const images = imageShapes.chain((shape) => tensors(shape));

  test.prop([images, options], { numRuns: 40 })('is the mean of the real elements of each window', (x, options) => {
    const mean = (elements: number[]) => elements.reduce((sum, value) => sum + value) / elements.length;
    expectPooled(avgPool2d(x, options), x, options, mean);
  });

  test.prop([images, options], { numRuns: 30 })('obeys the laws of ops', (x, options) => {
    checkOp((x) => avgPool2d(x, options), [x]);
  });

  test('drops windows that extend past the far edge', () => {
    expect(avgPool2d(zeros([1, 5, 7, 2]), { window: 2 }).shape).toEqual([1, 2, 3, 2]);
  });

  test('keeps a last window in ceil mode if it begins before the padding at the end', () => {
    const sizes = (x: Tensor, options: PoolOptions) => avgPool2d(x, { ...options, ceilMode: true }).shape.slice(1, 3);
    expect(sizes(zeros([1, 5, 7, 2]), { window: 2 })).toEqual([3, 4]);
    expect(sizes(zeros([1, 4, 6, 2]), { window: 2 })).toEqual([2, 3]);
    // The second window would begin at position 3 of 1 + 2 + 1 and 1 + 3 + 1 elements: in the padding, and before it.
    expect(sizes(zeros([1, 2, 3, 1]), { window: 2, stride: 3, padding: 1 })).toEqual([1, 2]);
    expect(sizes(zeros([1, 5, 7, 2]), { window: 3, padding: 'same', stride: 2 })).toEqual([3, 4]);
  });

  test('averages the real elements of a last window', () => {
    const x = tensor([1, 2, 3, 4, 5, 6, 7, 8, 9], { shape: [1, 3, 3, 1] });
    expect([...avgPool2d(x, { window: 2, ceilMode: true }).values]).toEqual([3, 4.5, 7.5, 9]);
  });

  test('refuses windows that do not fit', () => {
    expect(avgPool2d(zeros([1, 2, 2, 1]), { window: 3, ceilMode: true }).shape).toEqual([1, 1, 1, 1]);
    expect(() => avgPool2d(zeros([1, 2, 2, 1]), { window: 3, stride: 1, ceilMode: true })).toThrow('does not fit');
    expect(() => avgPool2d(zeros([1, 2, 2, 1]), { window: 2, ceilMode: 1 as never })).toThrow(
      'avgPool2d: ceilMode must be one of true, false, not 1',
    );
    expect(() => avgPool2d(zeros([1, 2, 2, 1]), { window: 3 })).toThrow('does not fit');
    expect(() => avgPool2d(zeros([1, 4, 4, 1]), { window: 2, padding: 2 })).toThrow(
      'Padding must be smaller than the window.',
    );
    expect(() => avgPool2d(zeros([4, 4, 1]), { window: 2 })).toThrow('x must have 4 axes');
  });
});

describe.each([
  { name: 'maxPool2d', pool: maxPool2d, extreme: Math.max },
  { name: 'minPool2d', pool: minPool2d, extreme: Math.min },
])('$name', ({ pool, extreme }) => {
  test.prop([distinctImages, options], { numRuns: 40 })('is the extreme of each window', (x, options) => {
    expectPooled(pool(x, options), x, options, (elements) => extreme(...elements));
  });

  test.prop([distinctImages, options], { numRuns: 30 })('obeys the laws of ops', (x, options) => {
    checkOp((x) => pool(x, options), [x]);
  });

  test('propagates NaN', () => {
    expect(pool(tensor([1, Number.NaN, 2, 3], { shape: [1, 2, 2, 1] }), { window: 2 }).values[0]).toBeNaN();
  });
});

test.each([maxPool2d, minPool2d])('frees all but its result', (pool) => {
  const x = ones([1, 2, 2, 1]);
  const before = memory().tensors;
  const y = pool(x, { window: 2 });
  expect(memory().tensors - before).toBe(1);
  y.dispose();
});

describe('ties', () => {
  test('give the whole gradient to the first element', () => {
    const x = tensor([5, 5, 5, 5], { shape: [1, 2, 2, 1] });
    for (const pool of [maxPool2d, minPool2d]) {
      const dx = gradientOf((x) => pool(x, { window: 2 }), 0)(ones([1, 1, 1, 1]), x);
      expect([...dx.values]).toEqual([1, 0, 0, 0]);
    }
  });
});

/** Windows that tile, overlap, skip pixels, or reach into the padding on either side. */
const wideOptions = fc.constantFrom<PoolOptions>(
  { window: 2 },
  { window: 3, stride: 1, padding: 'same' },
  { window: 3, stride: 2, padding: 1 },
  { window: [2, 3], stride: [3, 1] },
  { window: [1, 4], stride: [2, 5], padding: [0, 3] },
  { window: [5, 2], stride: 1, padding: [4, 0] },
  { window: [5, 4], stride: [3, 4], padding: [2, 1], ceilMode: true },
);

const wideImages = fc
  .record({
    batch: fc.constantFrom(1, 3),
    height: fc.integer({ min: 5, max: 11 }),
    width: fc.integer({ min: 5, max: 17 }),
    channels: borderChannels,
    rng: rngs,
  })
  .map(({ batch, height, width, channels, rng }) => ({
    // Many elements are equal, since the choice of the winner is part of the definition.
    x: sprinkled(rng.split('x'), [batch, height, width, channels], [-1, 0, 1, 2]),
    rng,
  }));

for (const pool of [avgPool2d, maxPool2d, minPool2d]) {
  describe(`${pool.name} on images of all sizes`, () => {
    test.prop([wideImages, wideOptions], { numRuns: 50 })(
      'agrees with its definition for all kinds of windows and channels, as does its gradient',
      ({ x, rng }, options) => {
        const dy = rng.split('dy').normal(pool(x, options).shape);
        checkOp((x: Tensor) => pool(x, options), [x], withoutDifferences);
        checkOp(
          gradientOf((x) => pool(x, options), 0),
          [dy, x],
          withoutDifferences,
        );
      },
    );
  });
}
