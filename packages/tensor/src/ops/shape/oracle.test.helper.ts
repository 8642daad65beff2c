import { fc } from '@fast-check/vitest';
import { expect } from 'vitest';
import { arange } from '../../create.js';
import { type DType, dtypes } from '../../dtype.js';
import { type Shape, sizeOf, stridesOf } from '../../shape.js';
import { emptyTensor, type Tensor } from '../../tensor.js';
import { shapes, tensors } from '../../testing/index.js';
import { reshape } from './reshape.js';

type Index = readonly number[];

/** A tensor computed index by index: the oracle that shape ops are compared with. */
export function build<D extends DType>(dtype: D, shape: Shape, element: (index: Index) => number): Tensor<D> {
  const result = emptyTensor(dtype, shape);
  const strides = stridesOf(shape);
  for (let at = 0; at < result.size; at++) {
    result.values[at] = element(shape.map((size, axis) => Math.floor(at / strides[axis]) % size));
  }
  return result;
}

/** The element of x at an index. */
export function at(x: Tensor<DType>, index: Index): number {
  const strides = stridesOf(x.shape);
  return x.values[index.reduce((sum, position, axis) => sum + position * strides[axis], 0)];
}

/** Expects the same dtype, shape and elements. */
export function expectSame(actual: Tensor<DType>, expected: Tensor<DType>): void {
  expect(actual.dtype).toBe(expected.dtype);
  expect(actual.shape).toEqual(expected.shape);
  expect(actual.values).toEqual(expected.values);
}

/** 0, 1, 2, … of some dtype and shape. */
export const counted = (constraints: Parameters<typeof shapes>[0] = {}): fc.Arbitrary<Tensor<DType>> =>
  fc
    .tuple(fc.constantFrom(...dtypes), shapes(constraints))
    .map(([dtype, shape]) => reshape(arange(0, sizeOf(shape), 1, dtype), shape));

/** Random floats of some shape. */
export const floats = (constraints: Parameters<typeof shapes>[0] = { maxRank: 3, maxSize: 4 }): fc.Arbitrary<Tensor> =>
  shapes(constraints).chain((shape) => tensors(shape));
