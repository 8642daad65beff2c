import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { tensor, zeros } from '../../create.js';
import { ShapeError } from '../../errors.js';
import { withKernels } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { checkOp, shapes, tensors } from '../../testing/index.js';
import { gradientOf, rngs, sprinkled, withoutDifferences } from '../borders.test.helper.js';
import { add, mul } from '../elementwise/binary.js';
import { exp } from '../elementwise/unary.js';
import { sum } from '../reduce/sum.js';
import { transpose } from '../shape/transpose.js';
import { logSoftmax, softmax } from './softmax.js';

const inputs = shapes({ minRank: 1, maxRank: 3, maxSize: 4 }).chain((shape) =>
  fc.record({
    x: tensors(shape, { min: -4, max: 4 }),
    axis: fc.integer({ min: -shape.length, max: shape.length - 1 }),
  }),
);

function expectClose(actual: Tensor, expected: Tensor): void {
  expect(actual.shape).toEqual(expected.shape);
  actual.values.forEach((value, at) => {
    expect(value).toBeCloseTo(expected.values[at], 5);
  });
}

describe('softmax', () => {
  test.prop([inputs], { numRuns: 60 })('gives probabilities', ({ x, axis }) => {
    const y = softmax(x, axis);
    for (const probability of y.values) expect(probability).toBeGreaterThan(0);
    for (const total of sum(y, { axes: axis }).values) expect(total).toBeCloseTo(1, 5);
  });

  test.prop([inputs, fc.integer({ min: -500, max: 500 })], { numRuns: 60 })(
    'does not change when x is shifted',
    ({ x, axis }, shift) => {
      expectClose(softmax(add(x, shift), axis), softmax(x, axis));
    },
  );

  test.prop([inputs], { numRuns: 60 })('is the exponential of logSoftmax', ({ x, axis }) => {
    expectClose(exp(logSoftmax(x, axis)), softmax(x, axis));
  });

  test.prop([inputs], { numRuns: 30 })('obeys the laws of ops', ({ x, axis }) => {
    checkOp((x: Tensor) => softmax(x, axis), [x]);
    checkOp((x: Tensor) => logSoftmax(x, axis), [x]);
  });

  test('stays finite for large x', () => {
    expect([...softmax(tensor([1000, 0])).values]).toEqual([1, 0]);
    expect([...logSoftmax(tensor([1000, 0])).values]).toEqual([0, -1000]);
  });

  test('refuses an axis that does not exist', () => {
    expect(() => softmax(zeros([2]), 1)).toThrow(ShapeError);
  });
});

const ops = fc.constantFrom(softmax, logSoftmax);
const classes = fc.integer({ min: 1, max: 70 });
const rows = fc.constantFrom(1, 2, 3, 5, 130);

describe('softmax of many rows and classes', () => {
  test.prop([ops, rows, classes, fc.constantFrom(1, 10, 100), rngs], { numRuns: 120 })(
    'agrees with its definition for any number of classes',
    (op, rows, classes, deviation, rng) => {
      const x = rng.normal([rows, classes], 0, deviation);
      // Sums of up to 70 numbers, each accurate to a few units in the last place.
      checkOp((x: Tensor) => op(x), [x], { gradient: false, tolerance: 2e-6 });
    },
  );

  test.prop([ops, classes, rngs], { numRuns: 40 })(
    'is the same along other axes as along the last',
    (op, classes, rng) => {
      const x = rng.normal([2, classes, 3]);
      expectClose(op(x, 1), transpose(op(transpose(x, [0, 2, 1])), [0, 2, 1]));
    },
  );

  test.prop([ops, rows, classes, rngs], { numRuns: 60 })(
    'has the gradient of its definition',
    (op, rows, classes, rng) => {
      const [dy, x] = [rng.split('dy').normal([rows, classes]), rng.split('x').normal([rows, classes])];
      checkOp(
        gradientOf((x) => op(x), 0),
        [dy, x],
        withoutDifferences,
      );
    },
  );

  test.prop([ops, classes, rngs], { numRuns: 60 })('treats NaN and −∞ as its definition does', (op, classes, rng) => {
    const x = sprinkled(rng, [7, classes], [Number.NEGATIVE_INFINITY, Number.NaN]);
    checkOp((x: Tensor) => op(x), [x], { ...withoutDifferences, gpu: false });
  });

  test('is accurate for tiny probabilities, and 0 where they would be denormal', () => {
    const x = [0, -20, -50, -80, -87];
    const exact = withKernels('reference', () => softmax(tensor(x)).values);
    const found = withKernels('fast', () => softmax(tensor(x)).values);
    for (const at of x.keys()) expect(found[at] / exact[at]).toBeCloseTo(1, 5);
    expect(softmax(mul(tensor(x), 10)).values.subarray(1)).toEqual(new Float32Array(4));
  });
});
