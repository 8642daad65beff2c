import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { memory } from '../../backend.js';
import { zeros } from '../../create.js';
import type { DType } from '../../dtype.js';
import { DTypeError, ShapeError } from '../../errors.js';
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
    expectSame(pad(x, pads, { value: 7 }), expected);
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
    checkOp((x) => pad(x, pads, { value: 0.5 }), [x]);
  });

  test('refuses negative counts and missing axes', () => {
    expect(() => pad(zeros([3]), [[-1, 0]])).toThrow('To remove elements, use slice.');
    expect(() => pad(zeros([3, 3]), [[1, 1]])).toThrow(ShapeError);
  });

  const modes = fc.constantFrom('reflect', 'replicate');
  const continued = <D extends DType>(inputs: fc.Arbitrary<Tensor<D>>) =>
    inputs.chain((x) =>
      fc.record({
        x: fc.constant(x),
        mode: modes,
        pads: fc.tuple(...x.shape.map((size) => fc.tuple(fc.nat({ max: size - 1 }), fc.nat({ max: size - 1 })))),
      }),
    );

  test.prop([continued(counted({ maxRank: 3 }))], { numRuns: 60 })(
    'continues x beyond its edges',
    ({ x, mode, pads }) => {
      const shape = x.shape.map((size, axis) => pads[axis][0] + size + pads[axis][1]);
      const expected = build(x.dtype, shape, (index) =>
        at(
          x,
          index.map((position, axis) => {
            const [inner, last] = [position - pads[axis][0], x.shape[axis] - 1];
            const beyond = inner < 0 ? -inner : Math.max(0, inner - last);
            const outermost = inner < 0 ? 0 : last;
            if (beyond === 0) return inner;
            return mode === 'replicate' ? outermost : Math.abs(outermost - beyond);
          }),
        ),
      );
      expectSame(pad(x, pads, { mode }), expected);
    },
  );

  test.prop([continued(floats({ maxRank: 2, maxSize: 4 }))], { numRuns: 20 })(
    'obeys the laws of ops when it continues x',
    ({ x, mode, pads }) => {
      checkOp((x) => pad(x, pads, { mode }), [x]);
    },
  );

  test('pads with values of the dtype of x only, as arithmetic does', () => {
    expect(() => pad(zeros([1], 'u8'), [[1, 0]], { value: 300 })).toThrow('pad: u8 cannot represent 300.');
    expect(() => pad(zeros([1], 'i32'), [[1, 0]], { value: 0.5 })).toThrow(DTypeError);
    expect([...pad(zeros([1]), [[1, 0]], { value: Number.NaN }).values]).toEqual([Number.NaN, 0]);
  });

  test('frees all but its result, which does not share the memory of x', () => {
    const x = zeros([2, 3]);
    const before = memory().tensors;
    pad(
      x,
      [
        [1, 1],
        [2, 0],
      ],
      { mode: 'reflect' },
    );
    pad(
      x,
      [
        [0, 0],
        [3, 0],
      ],
      { mode: 'replicate' },
    );
    expect(memory().tensors - before).toBe(2);
  });

  test('refuses borders that x cannot fill', () => {
    expect(() => pad(zeros([3]), [[3, 0]], { mode: 'reflect' })).toThrow('Each pad must be smaller than the axis.');
    expect(() =>
      pad(
        zeros([2, 0]),
        [
          [0, 0],
          [0, 1],
        ],
        { mode: 'replicate' },
      ),
    ).toThrow('pad: axis 1 has too few elements to replicate 1');
    expect(
      pad(
        zeros([2, 0]),
        [
          [1, 1],
          [0, 0],
        ],
        { mode: 'reflect' as const },
      ).shape,
    ).toEqual([4, 0]);
  });

  test('refuses a value that would have no effect', () => {
    expect(() => pad(zeros([3]), [[1, 0]], { mode: 'reflect', value: 1 })).toThrow("pad: mode 'reflect' has no value");
  });
});
