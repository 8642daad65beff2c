import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { tensor, zeros } from '../../create.js';
import { ShapeError } from '../../errors.js';
import { checkOp } from '../../testing/index.js';
import { at, build, counted, expectSame, floats } from './oracle.test.helper.js';
import { transpose } from './transpose.js';

describe('transpose', () => {
  const permuted = counted().chain((x) =>
    fc.tuple(fc.constant(x), fc.shuffledSubarray([...x.shape.keys()], { minLength: x.rank })),
  );

  test.prop([permuted], { numRuns: 60 })('moves axis permutation[i] to i', ([x, permutation]) => {
    const shape = permutation.map((axis) => x.shape[axis]);
    const inverse = permutation.map((_, axis) => permutation.indexOf(axis));
    const expected = build(x.dtype, shape, (index) =>
      at(
        x,
        x.shape.map((_, axis) => index[inverse[axis]]),
      ),
    );
    expectSame(transpose(x, permutation), expected);
    expectSame(transpose(transpose(x, permutation), inverse), x);
    checkOp((x) => transpose(x, permutation), [x], { gradient: false });
  });

  test('reverses the axes by default', () => {
    expectSame(
      transpose(
        tensor([
          [1, 2, 3],
          [4, 5, 6],
        ]),
      ),
      tensor([
        [1, 4],
        [2, 5],
        [3, 6],
      ]),
    );
  });

  test.prop([floats()], { numRuns: 20 })('obeys the laws of ops', (x) => checkOp((x) => transpose(x), [x]));

  test.each([[[0]], [[0, 0]], [[0, 2]]])('refuses the permutation %j of two axes', (permutation) => {
    expect(() => transpose(zeros([2, 2]), permutation)).toThrow(ShapeError);
  });
});
