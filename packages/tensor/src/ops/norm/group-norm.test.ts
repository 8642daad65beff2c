import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { full, ones, tensor, zeros } from '../../create.js';
import { DTypeError, ShapeError } from '../../errors.js';
import { withKernels } from '../../op.js';
import { Rng } from '../../random.js';
import type { Tensor } from '../../tensor.js';
import { checkOp, tensors } from '../../testing/index.js';
import { gradientOf, rngs, sprinkled, withoutDifferences } from '../borders.test.helper.js';
import { mul } from '../elementwise/binary.js';
import { reshape } from '../shape/reshape.js';
import { transpose } from '../shape/transpose.js';
import { batchNorm } from './batch-norm.js';
import { groupNorm, layerNorm } from './group-norm.js';

/** Columns on and next to the ends of vectors, of four of them, and of parts of a sum. */
const columns = fc.constantFrom(1, 2, 3, 4, 5, 15, 16, 17, 31, 64, 1023, 1024, 1025, 2055);
const rows = fc.constantFrom(1, 2, 5, 63, 64, 65, 130);

/** [images, pixels, groups, channels of a group] */
const layouts = fc.tuple(
  fc.constantFrom(1, 2, 3, 65),
  fc.constantFrom(1, 2, 3, 130),
  fc.constantFrom(1, 2, 3, 4),
  fc.constantFrom(1, 2, 3, 4, 5, 8),
);

const close = (found: Tensor, expected: Tensor): void => {
  expect(found.shape).toEqual(expected.shape);
  found.values.forEach((value, at) => {
    expect(value).toBeCloseTo(expected.values[at], 4);
  });
};

/** Two neighboring numbers may be almost equal, and a tiny ε would enlarge the rounding of their mean. */
const affineLayerNorm = (x: Tensor, gamma: Tensor, beta: Tensor): Tensor => layerNorm(x, gamma, beta, { epsilon: 0.1 });

describe('layerNorm', () => {
  const small = fc
    .tuple(fc.constantFrom([], [1], [3], [2, 3]), fc.integer({ min: 2, max: 6 }))
    .chain(([batch, size]) => fc.tuple(tensors([...batch, size]), tensors([size]), tensors([size])));

  test.prop([small], { numRuns: 40 })('obeys the laws of ops', ([x, gamma, beta]) => {
    checkOp((x: Tensor) => layerNorm(x, null, null, { epsilon: 0.1 }), [x]);
    checkOp((x: Tensor, gamma: Tensor) => layerNorm(x, gamma, null, { epsilon: 0.1 }), [x, gamma]);
    checkOp((x: Tensor, beta: Tensor) => layerNorm(x, null, beta, { epsilon: 0.1 }), [x, beta]);
    checkOp((x: Tensor, gamma: Tensor, beta: Tensor) => layerNorm(x, gamma, beta, { epsilon: 0.1 }), [x, gamma, beta]);
  });

  test.prop([rows, columns, rngs], { numRuns: 60 })('agrees with its definition', (rows, columns, rng) => {
    const x = rng.normal([rows, columns], 3);
    const [gamma, beta] = [rng.normal([columns]), rng.normal([columns])];
    checkOp(affineLayerNorm, [x, gamma, beta], { gradient: false });
  });

  test.prop([rows, columns, rngs, fc.constantFrom(0, 1, 2)], { numRuns: 80 })(
    'has the gradients of its definition',
    (rows, columns, rng, input) => {
      const [dy, x] = [rng.normal([rows, columns]), rng.normal([rows, columns], 3)];
      const [gamma, beta] = [rng.normal([columns]), rng.normal([columns])];
      checkOp(gradientOf(affineLayerNorm, input), [dy, x, gamma, beta], withoutDifferences);
    },
  );

  test.prop([rngs], { numRuns: 10 })('normalizes several axes as one', (rng) => {
    const [x, gamma, beta] = [rng.normal([3, 4, 5]), rng.normal([4, 5]), rng.normal([4, 5])];
    const flat = layerNorm(reshape(x, [3, 20]), reshape(gamma, [20]), reshape(beta, [20]));
    expect(layerNorm(x, gamma, beta).values).toEqual(flat.values);
    expect(layerNorm(x, null, null, { normalizedShape: [4, 5] }).values).toEqual(layerNorm(reshape(x, [3, 20])).values);
  });

  test.prop([rngs], { numRuns: 10 })('is the batch normalization of the transposed matrix', (rng) => {
    const x = rng.normal([6, 9]);
    const { output } = batchNorm(transpose(x), ones([6]), zeros([6]));
    close(layerNorm(x), transpose(output));
  });

  test.each(['fast', 'reference'] as const)('is exact far from 0, and β in a constant row (%s)', (tier) => {
    withKernels(tier, () => {
      const x = tensor([4096.5, 4097.5, 4096.5, 4097.5]);
      expect(layerNorm(x, null, null, { epsilon: 0 }).values).toEqual(Float32Array.of(-1, 1, -1, 1));
      const constant = layerNorm(full([2, 777], 1e6 / 3), null, full([777], 5));
      expect(new Set(constant.values)).toEqual(new Set([5]));
    });
  });

  test.each([
    [1e7, 'fast'],
    [-3e4, 'fast'],
    [1e7, 'reference'],
  ] as const)('is accurate where the first of many elements is an outlier, %d (%s)', (outlier, tier) => {
    const x = Rng.fromSeed(4).normal([3, 2000]).values.slice();
    for (let row = 0; row < 3; row++) x[2000 * row] = outlier;
    const moments = (values: Float32Array) => {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length };
    };
    withKernels(tier, () => {
      const y = layerNorm(tensor(x, { shape: [3, 2000] })).values;
      const grouped = groupNorm(tensor(x, { shape: [3, 1000, 2] }), 1).values;
      for (let row = 0; row < 3; row++) {
        const own = x.subarray(2000 * row, 2000 * (row + 1));
        const { mean, variance } = moments(own);
        own.forEach((value, at) => {
          const expected = (value - mean) / Math.sqrt(variance + 1e-5);
          const most = 1e-6 * Math.max(Math.abs(expected), 1);
          expect(Math.abs(y[2000 * row + at] - expected)).toBeLessThan(most);
          expect(Math.abs(grouped[2000 * row + at] - expected)).toBeLessThan(most);
        });
      }
    });
  });

  test.prop([columns, rngs], { numRuns: 30 })('treats NaN and infinities as its definition does', (columns, rng) => {
    const x = sprinkled(rng, [5, columns], [Number.POSITIVE_INFINITY, Number.NaN]);
    checkOp((x: Tensor) => layerNorm(x), [x], { gradient: false, gpu: false, tolerance: 5e-5 });
  });

  test('accepts empty tensors', () => {
    expect(layerNorm(zeros([0, 3])).shape).toEqual([0, 3]);
    expect(layerNorm(zeros([3, 0])).shape).toEqual([3, 0]);
    const gradient = gradientOf(affineLayerNorm, 1);
    expect([...gradient(zeros([0, 3]), zeros([0, 3]), ones([3]), zeros([3])).values]).toEqual([0, 0, 0]);
  });

  test('explains wrong arguments', () => {
    expect(() => layerNorm(zeros([]))).toThrow(ShapeError);
    expect(() => layerNorm(zeros([2, 3]), zeros([2]))).toThrow(
      ['layerNorm: the last axes of x are not [2]', '  x  [2, 3]  …, normalizedShape'].join('\n'),
    );
    expect(() => layerNorm(zeros([2, 3]), zeros([3]), zeros([1]))).toThrow('layerNorm: beta must have the shape [3]');
    expect(() => layerNorm(zeros([2]), null, null, { epsilon: -1 })).toThrow(RangeError);
    // @ts-expect-error the option of PyTorch has another name
    expect(() => layerNorm(zeros([2]), null, null, { eps: 1 })).toThrow('layerNorm has no option "eps"');
    // @ts-expect-error integers have no variance of their type
    expect(() => layerNorm(zeros([2], 'i32'))).toThrow(
      new DTypeError("layerNorm: x must be f32, not i32. Use cast(x, 'f32')."),
    );
  });
});

describe('groupNorm', () => {
  const small = fc
    .tuple(fc.constantFrom(1, 2), fc.constantFrom([], [2], [2, 2]), fc.constantFrom(1, 2), fc.constantFrom(2, 3))
    .chain(([images, axes, groups, perGroup]) =>
      fc.record({
        groups: fc.constant(groups),
        x: tensors([images, ...axes, groups * perGroup]),
        gamma: tensors([groups * perGroup]),
        beta: tensors([groups * perGroup]),
      }),
    );

  test.prop([small], { numRuns: 40 })('obeys the laws of ops', ({ groups, x, gamma, beta }) => {
    checkOp(
      (x: Tensor, gamma: Tensor, beta: Tensor) => groupNorm(x, groups, gamma, beta, { epsilon: 0.1 }),
      [x, gamma, beta],
    );
    checkOp((x: Tensor) => groupNorm(x, groups, null, null, { epsilon: 0.1 }), [x]);
  });

  test.prop([layouts, rngs, fc.constantFrom(0, 1, 2, 3)], { numRuns: 120 })(
    'agrees with its definition, and so do its gradients',
    ([images, pixels, groups, perGroup], rng, input) => {
      const channels = groups * perGroup;
      const [dy, x] = ['dy', 'x'].map((name) => rng.split(name).normal([images, pixels, channels], 2));
      const [gamma, beta] = [rng.normal([channels]), rng.normal([channels])];
      const f = (x: Tensor, gamma: Tensor, beta: Tensor): Tensor => groupNorm(x, groups, gamma, beta, { epsilon: 0.1 });
      if (input === 3) checkOp(f, [x, gamma, beta], { gradient: false, tolerance: 2e-5 });
      else checkOp(gradientOf(f, input), [dy, x, gamma, beta], withoutDifferences);
    },
  );

  test.prop([layouts, rngs], { numRuns: 20 })(
    'normalizes each group of an image like a row',
    ([images, pixels, groups, perGroup], rng) => {
      const x = rng.normal([images, pixels, groups, perGroup]);
      const rowsOf = transpose(x, [0, 2, 1, 3]);
      const normalized = layerNorm(rowsOf, null, null, { normalizedShape: [pixels, perGroup] });
      const found = groupNorm(reshape(x, [images, pixels, groups * perGroup]), groups);
      close(reshape(found, x.shape), transpose(normalized, [0, 2, 1, 3]));
    },
  );

  test('with one group and one pixel is layerNorm, bit for bit', () => {
    const x = Rng.fromSeed(1).normal([4, 9]);
    expect(groupNorm(x, 1).values).toEqual(layerNorm(x).values);
  });

  test.each(['fast', 'reference'] as const)('is exact far from 0, and β where a group is constant (%s)', (tier) => {
    withKernels(tier, () => {
      const pixels = Array.from({ length: 300 }, (_, at) => [4096.5 + (at % 2), 1e6 / 3]);
      const y = groupNorm(tensor([pixels]), 2, null, null, { epsilon: 1e-12 });
      for (let at = 0; at < y.size; at += 2)
        expect([y.values[at], y.values[at + 1]]).toEqual([at % 4 === 0 ? -1 : 1, 0]);
    });
  });

  test.each(['fast', 'reference'] as const)('flushes tiny gradients to 0 (%s)', (tier) => {
    withKernels(tier, () => {
      for (const shape of [
        [2, 8],
        [2, 3, 8],
      ]) {
        const x = Rng.fromSeed(2).normal(shape);
        const gradient = gradientOf((x: Tensor, gamma: Tensor) => groupNorm(x, 2, gamma), 0);
        const scaled = (scale: number): Float32Array =>
          gradient(mul(Rng.fromSeed(3).normal(shape), scale), x, ones([8])).values;
        expect(scaled(1e-33)).toEqual(new Float32Array(x.size));
        expect(Math.min(...scaled(1e-20).map(Math.abs))).toBeGreaterThan(1e-30);
      }
    });
  });

  test('accepts empty batches', () => {
    expect(groupNorm(zeros([0, 2, 4]), 2).shape).toEqual([0, 2, 4]);
    const x = zeros([3, 0, 4]);
    expect(groupNorm(x, 2).shape).toEqual([3, 0, 4]);
    const f = (x: Tensor, gamma: Tensor): Tensor => groupNorm(x, 2, gamma);
    expect([...gradientOf(f, 1)(x, x, ones([4])).values]).toEqual([0, 0, 0, 0]);
  });

  test('explains wrong arguments', () => {
    expect(() => groupNorm(zeros([2, 4]), 3)).toThrow('groupNorm: 3 groups do not divide 4 channels');
    expect(() => groupNorm(zeros([4]), 2)).toThrow('groupNorm: x has no images and channels');
    expect(() => groupNorm(zeros([2, 4]), 0)).toThrow(RangeError);
    expect(() => groupNorm(zeros([2, 4]), 2, zeros([2]))).toThrow('groupNorm: gamma must have the shape [4]');
  });
});
