import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { zeros } from '../../create.js';
import type { DType } from '../../dtype.js';
import { ShapeError } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import { checkOp } from '../../testing/index.js';
import { at, build, counted, expectSame, floats } from './oracle.test.helper.js';
import { pad } from './pad.js';
import { slice } from './slice.js';

describe('pad', () => {
  const padded = <D extends DType>(inputs: fc.Arbitrary<Tensor<D>>) =>
    inputs.chain((x) =>
      fc.record({
        x: fc.constant(x),
        pads: fc.tuple(...x.shape.map(() => fc.tuple(fc.nat({ max: 2 }), fc.nat({ max: 2 })))),
      }),
    );

  test.prop([padded(counted({ maxRank: 3 }))], { numRuns: 60 })('adds a border', ({ x, pads }) => {
    const shape = x.shape.map((size, axis) => pads[axis][0] + size + pads[axis][1]);
    const expected = build(x.dtype, shape, (index) => {
      const inner = index.map((position, axis) => position - pads[axis][0]);
      return inner.every((position, axis) => position >= 0 && position < x.shape[axis]) ? at(x, inner) : 7;
    });
    expectSame(pad(x, pads, 7), expected);
    const start = pads.map(([before]) => before);
    expectSame(
      slice(
        pad(x, pads),
        start,
        start.map((before, axis) => before + x.shape[axis]),
      ),
      x,
    );
  });

  test.prop([padded(floats())], { numRuns: 20 })('obeys the laws of ops', ({ x, pads }) => {
    checkOp((x) => pad(x, pads, 0.5), [x]);
  });

  test('refuses negative counts and missing axes', () => {
    expect(() => pad(zeros([3]), [[-1, 0]])).toThrow('To remove elements, use slice.');
    expect(() => pad(zeros([3, 3]), [[1, 1]])).toThrow(ShapeError);
  });
});
