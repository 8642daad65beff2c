import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { tensor, zeros } from '../../create.js';
import { ShapeError } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import { checkOp, shapes, tensors } from '../../testing/index.js';
import { add } from '../elementwise/binary.js';
import { exp } from '../elementwise/unary.js';
import { sum } from '../reduce/sum.js';
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
  test.prop([inputs], { numRuns: 60 })('makes probabilities', ({ x, axis }) => {
    const y = softmax(x, axis);
    for (const probability of y.values) expect(probability).toBeGreaterThan(0);
    for (const total of sum(y, { axes: axis }).values) expect(total).toBeCloseTo(1, 5);
  });

  test.prop([inputs, fc.integer({ min: -500, max: 500 })], { numRuns: 60 })(
    'does not change if x is shifted',
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
