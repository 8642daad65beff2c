import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { arange, tensor, zeros } from '../../create.js';
import { type DType, dtypes } from '../../dtype.js';
import { DTypeError, ShapeError } from '../../errors.js';
import { toBackend } from '../../move.js';
import { type Shape, sizeOf, stridesOf } from '../../shape.js';
import { emptyTensor, type Tensor } from '../../tensor.js';
import { broadcastableShapes, checkGradient, checkOp, shapes, tensors } from '../../testing/index.js';
import { broadcastTo } from './broadcast-to.js';
import { concat, stack } from './concat.js';
import { gather, scatterAdd } from './gather.js';
import { pad } from './pad.js';
import { reshape, squeeze, unsqueeze } from './reshape.js';
import { slice } from './slice.js';
import { transpose } from './transpose.js';

type Index = readonly number[];

/** The oracle: a tensor that is computed index by index. */
function build<D extends DType>(dtype: D, shape: Shape, element: (index: Index) => number): Tensor<D> {
  const result = emptyTensor(dtype, shape);
  const strides = stridesOf(shape);
  for (let at = 0; at < result.size; at++) {
    result.values[at] = element(shape.map((size, axis) => Math.floor(at / strides[axis]) % size));
  }
  return result;
}

function at(x: Tensor<DType>, index: Index): number {
  const strides = stridesOf(x.shape);
  return x.values[index.reduce((sum, position, axis) => sum + position * strides[axis], 0)];
}

function expectSame(actual: Tensor<DType>, expected: Tensor<DType>): void {
  expect(actual.dtype).toBe(expected.dtype);
  expect(actual.shape).toEqual(expected.shape);
  expect(actual.values).toEqual(expected.values);
}

/** 0, 1, 2, … of some dtype and shape. */
const counted = (constraints: Parameters<typeof shapes>[0] = {}): fc.Arbitrary<Tensor<DType>> =>
  fc
    .tuple(fc.constantFrom(...dtypes), shapes(constraints))
    .map(([dtype, shape]) => reshape(arange(0, sizeOf(shape), 1, dtype), shape));

const floats = (constraints: Parameters<typeof shapes>[0] = { maxRank: 3, maxSize: 4 }): fc.Arbitrary<Tensor> =>
  shapes(constraints).chain((shape) => tensors(shape));

describe('reshape', () => {
  test('shares memory, and computes an axis of −1', () => {
    const x = arange(12);
    const y = reshape(x, [3, -1]);
    expect(y.shape).toEqual([3, 4]);
    y.values[5] = 100;
    expect(x.values[5]).toBe(100);
    x.dispose();
    expect(y.values[5]).toBe(100);
  });

  test.prop([floats()], { numRuns: 20 })('has the gradient of a copy', (x) => {
    checkGradient((x) => reshape(x, [-1]), [x]);
  });

  test.each([[[5]], [[-1, -1]], [[-1, 5]], [[3, -2]], [[2, 2]], [[0, -1]]])('refuses %j for 6 elements', (shape) => {
    expect(() => reshape(zeros([6]), shape)).toThrow(ShapeError);
  });

  test('squeeze and unsqueeze remove and add axes of size 1', () => {
    const x = zeros([1, 3, 1]);
    expect(squeeze(x).shape).toEqual([3]);
    expect(squeeze(x, -1).shape).toEqual([1, 3]);
    expect(unsqueeze(x, -1).shape).toEqual([1, 3, 1, 1]);
    expect(unsqueeze(x, 1).shape).toEqual([1, 1, 3, 1]);
    expect(() => squeeze(x, 1)).toThrow('axes [1] are not all of size 1');
  });
});

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
    expect(() => stack([zeros([2]), zeros([3])])).toThrow(ShapeError);
    expect(() => concat([], 0)).toThrow(ShapeError);
    expect(() => concat<DType>([zeros([2]), zeros([2], 'i32')], 0)).toThrow(DTypeError);
  });
});

describe('slice', () => {
  const sliced = counted().chain((x) =>
    fc.record({
      x: fc.constant(x),
      ranges: fc.tuple(
        ...x.shape.map((size) =>
          fc.tuple(fc.nat({ max: size }), fc.nat({ max: size })).map(([a, b]) => [Math.min(a, b), Math.max(a, b)]),
        ),
      ),
    }),
  );

  test.prop([sliced], { numRuns: 60 })('takes the elements between start and end', ({ x, ranges }) => {
    const start = ranges.map(([from]) => from);
    const end = ranges.map(([, to]) => to);
    const expected = build(
      x.dtype,
      ranges.map(([from, to]) => to - from),
      (index) =>
        at(
          x,
          index.map((position, axis) => position + start[axis]),
        ),
    );
    expectSame(slice(x, start, end), expected);
    checkOp((x) => slice(x, start, end), [x], { gradient: false });
  });

  test('counts negative positions from the end, and takes all of the axes that are not listed', () => {
    const x = reshape(arange(24), [2, 3, 4]);
    expectSame(slice(x, [-1, 0, 1], [undefined, -1]), slice(x, [1, 0, 1], [2, 2, 4]));
    expectSame(slice(x, []), x);
  });

  test('has a gradient padded with zeros', () => {
    checkOp(
      (x) => slice(x, [1, 0], [3, -1]),
      [
        tensor([
          [1, 2, 3],
          [4, 5, 6],
          [7, 8, 9],
          [0, 1, 2],
        ]),
      ],
    );
  });

  test.each([
    [[0], [4]],
    [[2], [1]],
    [[-4], []],
    [[0, 0], []],
    [[0.5], [2.5]],
  ])('refuses %j to %j of 3 elements', (start, end) => {
    expect(() => slice(zeros([3]), start, end)).toThrow(ShapeError);
  });
});

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

describe('gather and scatterAdd', () => {
  const picks = counted({ minRank: 1, maxRank: 3 }).chain((x) =>
    fc.nat({ max: x.rank - 1 }).chain((axis) =>
      fc.record({
        x: fc.constant(x),
        axis: fc.constant(axis),
        indices: shapes({ maxRank: 2, maxSize: 3 }).chain((shape) =>
          fc
            .array(fc.nat({ max: x.shape[axis] - 1 }), { minLength: sizeOf(shape), maxLength: sizeOf(shape) })
            .map((values) => tensor(values, { shape, dtype: 'i32' })),
        ),
      }),
    ),
  );

  test.prop([picks], { numRuns: 60 })('gather picks slices along an axis', ({ x, axis, indices }) => {
    const expected = build(x.dtype, x.shape.toSpliced(axis, 1, ...indices.shape), (index) => {
      const picked = at(indices, index.slice(axis, axis + indices.rank));
      return at(x, index.toSpliced(axis, indices.rank, picked));
    });
    expectSame(gather(x, indices, axis), expected);
  });

  test.prop([picks], { numRuns: 30 })('obey the laws of ops', ({ x, axis, indices }) => {
    const floats = build('f32', x.shape, (index) => Math.cos(at(x, index)));
    checkOp((x) => gather(x, toBackend(indices), axis), [floats]);
    checkOp((updates) => scatterAdd(updates, toBackend(indices), x.shape[axis], axis), [gather(floats, indices, axis)]);
  });

  test('scatterAdd adds up slices of equal indices', () => {
    const indices = tensor([2, 0, 2], { dtype: 'i32' });
    expectSame(
      scatterAdd(
        tensor([
          [1, 2],
          [3, 4],
          [5, 6],
        ]),
        indices,
        3,
      ),
      tensor([
        [3, 4],
        [0, 0],
        [6, 8],
      ]),
    );
    expect(() => scatterAdd(zeros([2, 2]), indices, 3)).toThrow(ShapeError);
  });

  test.each([3, -1])('refuses index %i of 3', (index) => {
    const indices = tensor([index], { dtype: 'i32' });
    expect(() => gather(zeros([3]), indices)).toThrow(`gather: index ${index} at position 0 is outside 0 … 2`);
    expect(() => scatterAdd(zeros([1]), indices, 3)).toThrow(RangeError);
  });
});

describe('broadcastTo', () => {
  test.prop([broadcastableShapes({ maxRank: 3, maxSize: 4 })], { numRuns: 60 })('repeats elements', ([from, other]) => {
    const rank = Math.max(from.length, other.length);
    const shape = Array.from({ length: rank }, (_, axis) =>
      Math.max(from[axis - rank + from.length] ?? 1, other[axis - rank + other.length] ?? 1),
    );
    const x = build('f32', from, (index) => Math.cos(index.reduce((sum, position) => sum * 5 + position, 0)));
    const expected = build('f32', shape, (index) =>
      at(
        x,
        index.slice(rank - from.length).map((position, axis) => (from[axis] === 1 ? 0 : position)),
      ),
    );
    expectSame(broadcastTo(x, shape), expected);
    checkOp((x) => broadcastTo(x, shape), [x]);
  });

  test('refuses to change an axis that is not of size 1', () => {
    expect(() => broadcastTo(zeros([3]), [2, 2])).toThrow(ShapeError);
    expect(() => broadcastTo(zeros([3]), [1])).toThrow('broadcastTo: shape [3] does not broadcast to [1]');
  });
});
