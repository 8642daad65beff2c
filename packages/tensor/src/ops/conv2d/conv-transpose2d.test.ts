import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { zeros } from '../../create.js';
import { Rng } from '../../random.js';
import type { Tensor } from '../../tensor.js';
import { checkOp, tensors } from '../../testing/index.js';
import { type ConvTranspose2dOptions, convTranspose2d } from './conv-transpose2d.js';
import { conv2d } from './conv2d.js';

const transposed = fc
  .record({
    batch: fc.integer({ min: 1, max: 2 }),
    height: fc.integer({ min: 2, max: 4 }),
    width: fc.integer({ min: 2, max: 4 }),
    groups: fc.integer({ min: 1, max: 2 }),
    channels: fc.integer({ min: 1, max: 3 }),
    filters: fc.integer({ min: 1, max: 3 }),
    kernel: fc.constantFrom([1, 1] as const, [3, 3] as const, [2, 3] as const),
    options: fc.constantFrom<ConvTranspose2dOptions>(
      {},
      { stride: 2, outputPadding: 1 },
      { stride: [2, 3], padding: [0, 1], outputPadding: [1, 2] },
      { dilation: 2, outputPadding: [0, 1] },
      { stride: [1, 2], padding: [0, 1], dilation: [3, 1], outputPadding: [2, 0] },
    ),
  })
  .chain(({ batch, height, width, groups, channels, filters, kernel, options }) =>
    fc.record({
      x: tensors([batch, height, width, groups * channels]),
      filter: tensors([groups * channels, ...kernel, filters]),
      options: fc.constant({ ...options, groups }),
    }),
  );

const both = (value: number | readonly [number, number] = 0): readonly [number, number] =>
  typeof value === 'number' ? [value, value] : value;

/** Adds the filter, times each element of x, to the result. */
function expected(x: Tensor, filter: Tensor, { groups = 1, ...options }: ConvTranspose2dOptions) {
  const [batch, height, width, channels] = x.shape;
  const [, kernelHeight, kernelWidth, outPerGroup] = filter.shape;
  const [stride, dilation] = [both(options.stride ?? 1), both(options.dilation ?? 1)];
  const [padding, added] = [both(options.padding), both(options.outputPadding)];
  const [outHeight, outWidth] = [0, 1].map(
    (axis) =>
      (x.shape[axis + 1] - 1) * stride[axis] -
      2 * padding[axis] +
      (filter.shape[axis + 1] - 1) * dilation[axis] +
      added[axis] +
      1,
  );
  const shape = [batch, outHeight, outWidth, outPerGroup * groups];
  const y = new Float64Array(shape.reduce((a, b) => a * b));
  for (let at = 0; at < x.size; at++) {
    const c = at % channels;
    const j = Math.floor(at / channels) % width;
    const i = Math.floor(at / (channels * width)) % height;
    const n = Math.floor(at / (channels * width * height));
    for (let ki = 0; ki < kernelHeight; ki++) {
      for (let kj = 0; kj < kernelWidth; kj++) {
        const row = i * stride[0] + ki * dilation[0] - padding[0];
        const column = j * stride[1] + kj * dilation[1] - padding[1];
        if (row < 0 || row >= outHeight || column < 0 || column >= outWidth) continue;
        for (let o = 0; o < outPerGroup; o++) {
          const channel = Math.floor(c / (channels / groups)) * outPerGroup + o;
          const weight = filter.values[((c * kernelHeight + ki) * kernelWidth + kj) * outPerGroup + o];
          y[((n * outHeight + row) * outWidth + column) * shape[3] + channel] += x.values[at] * weight;
        }
      }
    }
  }
  return { shape, y };
}

describe('convTranspose2d', () => {
  test.prop([transposed], { numRuns: 50 })('adds the filter at every pixel', ({ x, filter, options }) => {
    const found = convTranspose2d(x, filter, options);
    const { shape, y } = expected(x, filter, options);
    expect(found.shape).toEqual(shape);
    found.values.forEach((value, at) => {
      expect(value).toBeCloseTo(y[at], 4);
    });
  });

  test.prop([transposed], { numRuns: 30 })('obeys the laws of ops', ({ x, filter, options }) => {
    checkOp((x, filter) => convTranspose2d(x, filter, options), [x, filter]);
  });

  test('has the shape of the images of a convolution, whose transpose it is', () => {
    const rng = Rng.fromSeed(3);
    const [images, filter] = [rng.normal([2, 8, 9, 3]), rng.normal([5, 3, 3, 3])];
    const options = { stride: 2, padding: 1 };
    const y = conv2d(images, filter, options);
    const dy = rng.normal(y.shape);
    const back = convTranspose2d(dy, filter, { ...options, outputPadding: [1, 0] });
    expect(back.shape).toEqual(images.shape);
    const product = (a: Tensor, b: Tensor): number =>
      a.values.reduce((sum, value, at) => sum + value * b.values[at], 0);
    expect(product(y, dy)).toBeCloseTo(product(images, back), 2);
  });

  test('refuses options out of range, and operands that do not match', () => {
    const [x, filter] = [zeros([1, 2, 2, 4]), zeros([4, 3, 3, 2])];
    expect(() => convTranspose2d(x, zeros([2, 3, 3, 4]))).toThrow(
      'convTranspose2d: x has 4 channels, filter expects 2',
    );
    expect(() => convTranspose2d(x, zeros([4, 3, 2]))).toThrow('x and filter must have 4 axes');
    expect(() => convTranspose2d(x, filter, { groups: 3 })).toThrow('4 channels cannot be split into 3 groups');
    expect(() => convTranspose2d(x, filter, { outputPadding: 1 })).toThrow(
      'convTranspose2d: outputPadding 1 is not smaller than the stride or the dilation',
    );
    expect(() => convTranspose2d(x, filter, { padding: 2 })).toThrow('the height of the result would be 0');
    expect(() => convTranspose2d(x, filter, { padding: 'same' as never })).toThrow(
      'convTranspose2d: padding must be a whole number or [height, width], not "same"',
    );
    expect(() => convTranspose2d(x, filter, { strides: 2 } as never)).toThrow('has no option "strides"');
  });
});
