import { fc, test } from '@fast-check/vitest';
import { describe, expect, expectTypeOf } from 'vitest';
import { tensor, zeros } from '../../create.js';
import { ShapeError } from '../../errors.js';
import type { Shape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { broadcastableShapes, checkOp, shapes, tensors } from '../../testing/index.js';
import {
  borderChannels,
  borderSizes,
  gradientOf,
  rngs,
  sprinkled,
  withoutDifferences,
} from '../borders.test.helper.js';
import { add } from '../elementwise/binary.js';
import { equal } from '../elementwise/compare.js';
import { argMax, argMin, max, min } from './extreme.js';
import { mean, variance } from './mean.js';
import { distinct, groups, reductions, shapeOfReduction } from './reduce.test.helper.js';
import type { ReduceOptions } from './reduction.js';
import { sum, sumTo } from './sum.js';

const total = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const average = (values: readonly number[]) => total(values) / values.length;
const spread = (values: readonly number[]) => average(values.map((value) => (value - average(values)) ** 2));

const reducers: readonly [(x: Tensor, options: ReduceOptions) => Tensor, (values: readonly number[]) => number][] = [
  [sum, total],
  [mean, average],
  [variance, spread],
  [max, (values) => Math.max(...values)],
  [min, (values) => Math.min(...values)],
];

describe('reductions', () => {
  for (const [op, f] of reducers) {
    test.prop([reductions], { numRuns: 60 })(`${op.name} of any axes`, ({ x, axes, keepDims }) => {
      const y = op(x, { axes, keepDims });
      expect(y.shape).toEqual(shapeOfReduction(x.shape, axes, keepDims));
      groups(x, axes).forEach((values, at) => {
        expect(y.values[at]).toBeCloseTo(f(values), 3);
      });
    });

    test.prop(
      [
        shapes({ maxRank: 3, maxSize: 3 }).chain((shape) =>
          fc.record({ x: distinct(shape), axes: fc.subarray([...shape.keys()]), keepDims: fc.boolean() }),
        ),
      ],
      { numRuns: 25 },
    )(`${op.name} obeys the laws of ops`, ({ x, axes, keepDims }) => {
      checkOp((x: Tensor) => op(x, { axes, keepDims }), [x], { gradientTolerance: 1e-2 });
    });
  }

  test('all axes are reduced by default', () => {
    expect(sum(tensor([[1, 2], [3, 4]])).toString()).toBe('Tensor<f32> []\n10.0000'); // biome-ignore format: a matrix
  });

  test('a correction of 1 gives the variance of a sample', () => {
    expect(variance(tensor([1, 2, 3]), { correction: 1 }).values[0]).toBe(1);
    // As in PyTorch, nothing is divided by a negative number.
    expect(variance(tensor([1, 3]), { correction: 3 }).values[0]).toBe(Number.POSITIVE_INFINITY);
  });

  test('sums are accumulated in double precision', () => {
    expect(sum(tensor([2 ** 24, 1, 1, -(2 ** 24)])).values[0]).toBe(2);
  });

  test('bytes are counted in i32', () => {
    const matches = equal(zeros([300]), 0);
    expect(sum(matches).values[0]).toBe(300);
    expect(mean(matches).values[0]).toBe(1);
    expectTypeOf(sum(matches)).toEqualTypeOf<Tensor<'i32'>>();
    expectTypeOf(mean(matches)).toEqualTypeOf<Tensor<'f32'>>();
  });

  test('explains axes that do not exist and reductions of no elements', () => {
    expect(() => sum(zeros([2, 3]), { axes: 2 })).toThrow('sum: axis 2 is out of range for a tensor of rank 2');
    expect(() => max(zeros([2, 0]), { axes: 1 })).toThrow('max: there are no elements to choose from');
    expect(sum(zeros([2, 0]), { axes: 1 }).values).toEqual(new Float32Array(2));
  });
});

describe('extremes', () => {
  test.prop([shapes({ minRank: 1 }).chain((shape) => fc.tuple(tensors(shape), fc.nat({ max: shape.length - 1 })))])(
    'argMax and argMin find the first extreme element',
    ([x, axis]) => {
      const lines = groups(x, [axis]);
      expect([...argMax(x, axis).values]).toEqual(lines.map((line) => line.indexOf(Math.max(...line))));
      expect([...argMin(x, axis).values]).toEqual(lines.map((line) => line.indexOf(Math.min(...line))));
    },
  );

  test('NaN counts as extreme', () => {
    expect(max(tensor([1, Number.NaN, 2])).values[0]).toBeNaN();
    expect(argMin(tensor([1, Number.NaN, 0])).values[0]).toBe(1);
  });
});

describe('sumTo', () => {
  test('returns a handle of its own where there is nothing to sum', () => {
    const x = tensor([1, 2]);
    sumTo(x, [2]).dispose();
    expect([...x.values]).toEqual([1, 2]);
  });

  test('refuses what is not a shape', () => {
    expect(() => sumTo(zeros([2]), [undefined] as never)).toThrow('sumTo: [undefined] is not a shape');
    expect(() => sumTo(zeros([2]), undefined as never)).toThrow('sumTo: needs a list such as [2, 3], not undefined');
  });

  test.prop([broadcastableShapes({ maxRank: 3, maxSize: 3 }).chain(([a, b]) => fc.tuple(tensors(a), tensors(b)))], {
    numRuns: 40,
  })('undoes broadcasting', ([a, b]) => {
    const broadcast = add(a, b);
    const back = sumTo(broadcast, a.shape);
    expect(back.shape).toEqual(a.shape);
    expect(total([...back.values])).toBeCloseTo(total([...broadcast.values]), 3);
    checkOp((x: Tensor) => sumTo(x, a.shape), [broadcast]);
  });

  test('refuses shapes that do not broadcast to that of x', () => {
    expect(() => sumTo(zeros([2, 3]), [2])).toThrow(ShapeError);
    expect(() => sumTo(zeros([2, 1]), [2, 3])).toThrow('sumTo: shape [2, 3] does not broadcast to [2, 1]');
  });
});

const summers = fc.constantFrom(sum, mean);
const small = fc.constantFrom(1, 2, 3, 5);

/** Sums are in double precision, so results agree except for a few that lie between two floats. */
const exact = { gradient: false, tolerance: 1e-7 } as const;

/** Cases of [outer, reduced, inner]: sums of rows, of columns, of columns of blocks, of one term; and separate axes. */
const layouts: readonly (readonly [name: string, shape: (n: number, m: number) => Shape, axes: readonly number[]])[] = [
  ['rows', (n, m) => [m, n], [1]],
  ['rows along two axes', (n, m) => [m, n, 2], [1, 2]],
  ['columns', (n, m) => [n, m], [0]],
  ['columns of two axes', (n, m) => [2, n, m], [0, 1]],
  ['columns in blocks', (n, m) => [3, n, m], [1]],
  ['everything', (n, m) => [n, m], [0, 1]],
  ['single terms', (n, m) => [n, 1, m], [1]],
  ['separate axes, for which there is no kernel', (n, m) => [3, n, m], [0, 2]],
];

describe('the kernels of sum and mean', () => {
  for (const [name, shapeOf, axes] of layouts) {
    test.prop([summers, borderSizes, borderChannels, fc.boolean(), rngs], { numRuns: 40 })(
      `agree with the definition for ${name}`,
      (reduce, n, m, keepDims, rng) => {
        const x = sprinkled(rng, shapeOf(n, m), [0, 1e4, -1e4]);
        // A GPU adds in f32, where terms of ±10,000 cancel.
        checkOp((x: Tensor) => reduce(x, { axes, keepDims }), [x], { ...exact, gpuTolerance: 2e-2 });
      },
    );
  }

  test.prop([borderSizes, borderChannels, small, rngs], { numRuns: 60 })(
    'sum gradients back to shapes that were broadcast',
    (n, m, k, rng) => {
      const x = rng.normal([k, n, m]);
      for (const shape of [[m], [n, m], [1, m], [k, 1, m], [n, 1], [k, 1, 1], []]) {
        // A GPU adds in f32: up to 97,500 terms, whose partial sums are in the hundreds and cancel.
        checkOp((x: Tensor) => sumTo(x, shape), [x], { ...exact, gpuTolerance: 2e-3 });
      }
    },
  );

  test.prop([summers, borderSizes, small, rngs], { numRuns: 40 })(
    'have gradients that broadcast',
    (reduce, n, m, rng) => {
      const x = rng.split('x').normal([m, n]);
      for (const [axes, size] of [
        [0, n],
        [1, m],
      ] as const) {
        const dy = rng.split('dy', axes).normal([size]);
        checkOp(
          gradientOf((x) => reduce(x, { axes }), 0),
          [dy, x],
          withoutDifferences,
        );
      }
    },
  );

  test.prop([summers, borderSizes, rngs], { numRuns: 40 })('propagate infinities and NaN', (reduce, n, rng) => {
    const x = sprinkled(rng, [n, 5], [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]);
    for (const axes of [0, 1]) checkOp((x: Tensor) => reduce(x, { axes }), [x], { ...exact, gpu: false });
  });
});
