import { fc } from '@fast-check/vitest';
import { tensor } from '../../create.js';
import type { DType } from '../../dtype.js';
import { type Shape, sizeOf, stridesOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { shapes } from '../../testing/index.js';

/** The elements that a reduction over `axes` combines for each element of its result, in row-major order. */
export function groups(x: Tensor<DType>, axes: readonly number[]): number[][] {
  const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  const result = Array.from({ length: sizeOf(kept) }, (): number[] => []);
  const [from, to] = [stridesOf(x.shape), stridesOf(kept)];
  x.values.forEach((value, at) => {
    const index = x.shape.map((size, axis) => Math.floor(at / from[axis]) % size);
    result[index.reduce((sum, position, axis) => sum + (axes.includes(axis) ? 0 : position * to[axis]), 0)].push(value);
  });
  return result;
}

/** The shape of the result of a reduction. */
export const shapeOfReduction = (shape: Shape, axes: readonly number[], keepDims: boolean): number[] =>
  keepDims
    ? shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
    : shape.filter((_, axis) => !axes.includes(axis));

/** A tensor without repeated elements: multiples of 1/8 from −2 up. */
export const distinct = (shape: Shape): fc.Arbitrary<Tensor> =>
  fc.shuffledSubarray([...new Array(sizeOf(shape)).keys()], { minLength: sizeOf(shape) }).map((order) =>
    tensor(
      Float32Array.from(order, (rank) => rank / 8 - 2),
      { shape },
    ),
  );

/** A tensor without repeated elements, some of its axes, and keepDims. */
export const reductions = shapes({ maxSize: 4 }).chain((shape) =>
  fc.record({ x: distinct(shape), axes: fc.subarray([...shape.keys()]), keepDims: fc.boolean() }),
);
