import fc from 'fast-check';
import { tensor } from '../create.js';
import { type Shape, sizeOf } from '../shape.js';
import type { Tensor } from '../tensor.js';

/**
 * Channel counts at and next to the word boundaries of packed bits.
 *
 * @example
 * ```ts
 * import { awkwardChannels } from '@mobinet/tensor/testing';
 * import fc from 'fast-check';
 *
 * console.log(fc.sample(awkwardChannels, { numRuns: 50, seed: 1 }).every((channels) => channels <= 100));
 * // → true
 * ```
 */
export const awkwardChannels = fc.constantFrom(1, 7, 31, 32, 33, 64, 65, 100);

/** The bounds of random shapes. */
export interface ShapeConstraints {
  /** The smallest number of axes. Default: 0. */
  minRank?: number;
  /** The largest number of axes. Default: 4. */
  maxRank?: number;
  /** The smallest size of an axis. Default: 1. */
  minSize?: number;
  /** The largest size of an axis. Default: 5. */
  maxSize?: number;
}

/**
 * Small shapes.
 *
 * @param constraints The numbers of axes and the sizes that shapes have.
 *
 * @example
 * ```ts
 * import { sizeOf } from '@mobinet/tensor';
 * import { shapes } from '@mobinet/tensor/testing';
 * import fc from 'fast-check';
 *
 * fc.assert(fc.property(shapes({ minRank: 1, maxRank: 3 }), (shape) => sizeOf(shape) <= 5 ** 3));
 * console.log('held for 100 random shapes');
 * // → held for 100 random shapes
 * ```
 */
export function shapes({
  minRank = 0,
  maxRank = 4,
  minSize = 1,
  maxSize = 5,
}: ShapeConstraints = {}): fc.Arbitrary<number[]> {
  return fc.array(fc.integer({ min: minSize, max: maxSize }), { minLength: minRank, maxLength: maxRank });
}

/**
 * Two shapes that broadcast: both come from one shape by setting axes to 1, and dropping leading ones.
 *
 * @example
 * ```ts
 * import { broadcastShapes, sizeOf } from '@mobinet/tensor';
 * import { broadcastableShapes } from '@mobinet/tensor/testing';
 * import fc from 'fast-check';
 *
 * fc.assert(fc.property(broadcastableShapes(), ([a, b]) => sizeOf(broadcastShapes('example', a, b)) >= sizeOf(a)));
 * console.log('held for 100 random pairs');
 * // → held for 100 random pairs
 * ```
 */
export function broadcastableShapes(constraints: ShapeConstraints = {}): fc.Arbitrary<[number[], number[]]> {
  return shapes(constraints).chain((shape) => {
    const side = fc
      .tuple(
        fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }),
        fc.nat({ max: shape.length }),
      )
      .map(([ones, dropped]) => shape.map((size, axis) => (ones[axis] ? 1 : size)).slice(dropped));
    return fc.tuple(side, side);
  });
}

/**
 * f32 tensors of this shape with elements in [min, max], by default [−2, 2]. The elements are multiples of 1/64, so
 * that counterexamples are readable.
 *
 * @param shape The shape of the tensors.
 * @param range The bounds of the elements.
 * @param range.min The smallest element. Default −2.
 * @param range.max The largest element. Default 2.
 *
 * @example
 * ```ts
 * import { relu, sameShape } from '@mobinet/tensor';
 * import { tensors } from '@mobinet/tensor/testing';
 * import fc from 'fast-check';
 *
 * fc.assert(fc.property(tensors([2, 3]), (x) => sameShape(relu(x).shape, [2, 3])));
 * console.log('held for 100 random tensors');
 * // → held for 100 random tensors
 * ```
 */
export function tensors(
  shape: Shape,
  { min = -2, max = 2 }: { min?: number; max?: number } = {},
): fc.Arbitrary<Tensor> {
  const size = sizeOf(shape);
  return fc
    .array(fc.integer({ min: Math.ceil(min * 64), max: Math.floor(max * 64) }), { minLength: size, maxLength: size })
    .map((values) => tensor(new Float32Array(values.map((value) => value / 64)), { shape }));
}

/**
 * f32 tensors with elements of magnitude 1/8 to `max`, for functions that are not differentiable at 0.
 *
 * @example
 * ```ts
 * import { tensorsAwayFromZero } from '@mobinet/tensor/testing';
 * import fc from 'fast-check';
 *
 * fc.assert(fc.property(tensorsAwayFromZero([4]), (x) => x.values.every((value) => Math.abs(value) >= 1 / 8)));
 * console.log('held for 100 random tensors');
 * // → held for 100 random tensors
 * ```
 */
export function tensorsAwayFromZero(shape: Shape, max = 2): fc.Arbitrary<Tensor> {
  return fc.tuple(tensors(shape, { min: 1 / 8, max }), fc.infiniteStream(fc.boolean())).map(([x, signs]) => {
    x.values.forEach((value, at, values) => {
      values[at] = signs.next().value ? -value : value;
    });
    return x;
  });
}
