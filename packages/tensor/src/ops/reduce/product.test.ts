import { fc, test } from '@fast-check/vitest';
import { describe, expect, expectTypeOf } from 'vitest';
import { scalar, tensor, zeros } from '../../create.js';
import { sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { checkOp, shapes } from '../../testing/index.js';
import { prod } from './product.js';
import { groups, reductions, shapeOfReduction } from './reduce.test.helper.js';

describe('prod', () => {
  test.prop([reductions], { numRuns: 60 })('multiplies over any axes', ({ x, axes, keepDims }) => {
    const y = prod(x, { axes, keepDims });
    expect(y.shape).toEqual(shapeOfReduction(x.shape, axes, keepDims));
    const expected = groups(x, axes).map((values) => values.reduce((a, b) => a * b, 1));
    expect(y.values).toEqual(Float32Array.from(expected));
  });

  /** Many of these products have no zero, one, or several. */
  const inputs = shapes({ maxRank: 3, maxSize: 3 }).chain((shape) =>
    fc.record({
      x: fc
        .array(fc.constantFrom(0, 0, -1.5, 0.75, 2, -0.5), { minLength: sizeOf(shape), maxLength: sizeOf(shape) })
        .map((values) => tensor(values, { shape })),
      axes: fc.subarray([...shape.keys()]),
      keepDims: fc.boolean(),
    }),
  );

  test.prop([inputs], { numRuns: 60 })('obeys the laws of ops, also where elements are 0', ({ x, axes, keepDims }) => {
    checkOp((x: Tensor) => prod(x, { axes, keepDims }), [x]);
  });

  test('is 1 of no elements', () => {
    expect([...prod(zeros([2, 0]), { axes: 1 }).values]).toEqual([1, 1]);
    expect(prod(scalar(3)).values[0]).toBe(3);
  });

  test('neither overflows nor underflows on the way', () => {
    expect(prod(tensor([1e30, 1e30, 1e-30, 1e-30])).values[0]).toBeCloseTo(1, 6);
  });

  test('keeps the low bits of integers, and is i32 for bytes', () => {
    const bytes = prod(tensor([200, 200], { dtype: 'u8' }));
    expect(bytes.toString()).toBe('Tensor<i32> []\n40000');
    expectTypeOf(bytes).toEqualTypeOf<Tensor<'i32'>>();
    const factors = [2 ** 31 - 1, 2 ** 31 - 3, 5];
    const exact = factors.reduce((product, factor) => product * BigInt(factor), 1n);
    expect(prod(tensor(Int32Array.from(factors))).values[0]).toBe(Number(BigInt.asIntN(32, exact)));
    expect(prod(tensor(Uint32Array.from(factors))).values[0]).toBe(Number(BigInt.asUintN(32, exact)));
  });

  test('explains axes that do not exist', () => {
    expect(() => prod(zeros([2, 3]), { axes: 2 })).toThrow('prod: axis 2 is out of range for a tensor of rank 2');
  });
});
