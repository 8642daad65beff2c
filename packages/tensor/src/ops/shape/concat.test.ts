import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { tensor, zeros } from '../../create.js';
import type { DType } from '../../dtype.js';
import { DTypeError, ShapeError } from '../../errors.js';
import { checkGradient, checkOp, shapes, tensors } from '../../testing/index.js';
import { concat, stack } from './concat.js';
import { at, build, expectSame, floats } from './oracle.test.helper.js';
import { slice } from './slice.js';

describe('concat and stack', () => {
  const parts = fc
    .record({
      shape: shapes({ minRank: 1, maxRank: 3, maxSize: 4 }),
      axis: fc.nat(),
      sizes: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 3 }),
    })
    .map(({ shape, axis, sizes }) => ({ axis: axis % shape.length, shape, sizes }))
    .chain(({ shape, axis, sizes }) =>
      fc.record({ axis: fc.constant(axis), inputs: fc.tuple(...sizes.map((size) => tensors(shape.with(axis, size)))) }),
    );

  test.prop([parts], { numRuns: 60 })('is undone by slices', ({ inputs, axis }) => {
    const whole = concat(inputs, axis - inputs[0].rank);
    let start = 0;
    for (const input of inputs) {
      const end = start + input.shape[axis];
      const corner = input.shape.map(() => 0);
      expectSame(slice(whole, corner.with(axis, start), [...input.shape].with(axis, end)), input);
      start = end;
    }
    expect(whole.shape[axis]).toBe(start);
  });

  test.prop([parts], { numRuns: 30 })('obeys the laws of ops', ({ inputs, axis }) => {
    checkOp((...inputs) => concat(inputs, axis), inputs);
  });

  test('repeats channels in long and short rows', () => {
    for (const channels of [3, 200]) {
      const x = build('f32', [2, 2, channels], ([i, j, c]) => i * 1000 + j * 500 + c);
      expectSame(
        concat([x, x], -1),
        build('f32', [2, 2, 2 * channels], ([i, j, c]) => at(x, [i, j, c % channels])),
      );
    }
    checkGradient(
      (x) => concat([x, x], -1),
      [
        tensor([
          [1, 2],
          [3, 4],
        ]),
      ],
    );
  });

  test.prop([floats(), fc.nat()], { numRuns: 30 })('stack adds an axis', (x, nth) => {
    const axis = nth % (x.rank + 1);
    const shape = x.shape.toSpliced(axis, 0, 2);
    expectSame(
      stack([x, x], axis),
      build('f32', shape, (index) => at(x, index.toSpliced(axis, 1))),
    );
    checkOp((a, b) => stack([a, b], axis), [x, x]);
  });

  test('explains shapes that do not match', () => {
    expect(() => concat([zeros([2, 3]), zeros([3, 3])], 1)).toThrow('All axes except 1 must be equal.');
    expect(() => stack([zeros([2]), zeros([3])])).toThrow('stack: the tensors must have the same shape');
    expect(() => concat([], 0)).toThrow(ShapeError);
    expect(() => concat<DType>([zeros([2]), zeros([2], 'i32')], 0)).toThrow(DTypeError);
  });
});
