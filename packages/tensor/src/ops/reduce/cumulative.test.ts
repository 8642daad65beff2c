import { fc, test } from '@fast-check/vitest';
import { describe, expect, expectTypeOf } from 'vitest';
import { tensor, zeros } from '../../create.js';
import { type Shape, sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { checkOp, shapes, tensors } from '../../testing/index.js';
import { at, build } from '../shape/oracle.test.helper.js';
import { cumprod, cumsum, cumulativeProduct } from './cumulative.js';

/** A tensor and one of its axes. */
const lines = (draw: (shape: Shape) => fc.Arbitrary<Tensor>) =>
  shapes({ minRank: 1, maxRank: 3, maxSize: 4 }).chain((shape) =>
    fc.record({ x: draw(shape), axis: fc.nat({ max: shape.length - 1 }) }),
  );

const ordinary = lines((shape) => tensors(shape));
/** Half of the elements are 0, so many lines have several. */
const withZeros = lines((shape) =>
  fc
    .array(fc.constantFrom(0, 0, 0, -1.5, 0.75, 2), { minLength: sizeOf(shape), maxLength: sizeOf(shape) })
    .map((values) => tensor(values, { shape })),
);

describe.each([
  ['cumsum', cumsum, (a: number, b: number) => a + b],
  ['cumprod', cumprod, (a: number, b: number) => a * b],
] as const)('%s', (_, scan, combine) => {
  test.prop([ordinary], { numRuns: 60 })('combines the elements up to each one', ({ x, axis }) => {
    const expected = build('f32', x.shape, (index) => {
      const before = [...new Array(index[axis] + 1).keys()].map((position) => at(x, index.with(axis, position)));
      return before.reduce(combine);
    });
    expect(scan(x, axis).values).toEqual(expected.values);
    expect(scan(x, axis - x.rank).values).toEqual(expected.values);
  });

  test.prop([ordinary], { numRuns: 25 })('obeys the laws of ops', ({ x, axis }) => {
    checkOp((x: Tensor) => scan(x, axis), [x]);
  });

  test('runs along the last axis by default', () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    expect(scan(x).values).toEqual(scan(x, 1).values);
  });

  test('takes tensors without elements', () => {
    expect(scan(zeros([2, 0])).shape).toEqual([2, 0]);
    expect(scan(zeros([0, 3]), 0).shape).toEqual([0, 3]);
  });

  test('refuses an axis that does not exist, and scalars', () => {
    expect(() => scan(zeros([2]), 1)).toThrow('axis 1 is out of range for a tensor of rank 1');
    expect(() => scan(zeros([]))).toThrow('axis -1 is out of range for a tensor of rank 0');
  });
});

describe('cumsum', () => {
  test('is in double precision, and sums bytes in i32', () => {
    expect([...cumsum(tensor([2 ** 24, 1, 1, -(2 ** 24)])).values]).toEqual([2 ** 24, 2 ** 24, 2 ** 24 + 2, 2]);
    const bytes = cumsum(tensor([200, 100], { dtype: 'u8' }));
    expect(bytes.toString()).toBe('Tensor<i32> [2]\n[200, 300]');
    expectTypeOf(bytes).toEqualTypeOf<Tensor<'i32'>>();
  });
});

describe('cumprod', () => {
  test.prop([withZeros], { numRuns: 40 })('has correct derivatives where elements are 0', ({ x, axis }) => {
    checkOp((x: Tensor) => cumprod(x, axis), [x]);
  });

  test.prop([withZeros, fc.boolean(), fc.boolean()], { numRuns: 60 })(
    'so have products from the end, and without the element itself',
    ({ x, axis }, reverse, exclusive) => {
      checkOp((x: Tensor) => cumulativeProduct(x, { axis, reverse, exclusive }), [x]);
    },
  );

  test('leaves out the element itself if asked to', () => {
    const x = tensor([2, 3, 5]);
    const exclusive = (reverse: boolean) => [...cumulativeProduct(x, { axis: 0, reverse, exclusive: true }).values];
    expect(exclusive(false)).toEqual([1, 2, 6]);
    expect(exclusive(true)).toEqual([15, 5, 1]);
  });

  test('keeps the low bits of integers', () => {
    const x = tensor(Int32Array.of(2 ** 16 + 1, 2 ** 16 + 3, 2 ** 31 - 1));
    const low = BigInt.asIntN(32, (2n ** 16n + 1n) * (2n ** 16n + 3n));
    expect([...cumprod(x).values]).toEqual([
      2 ** 16 + 1,
      Number(low),
      Number(BigInt.asIntN(32, low * (2n ** 31n - 1n))),
    ]);
  });
});
