import { checkTensor } from '../../check.js';
import { normalizeAxis } from '../../check-shape.js';
import { type DType, dtypes, type TypedArray } from '../../dtype.js';
import { ShapeError } from '../../errors.js';
import { apply, defineOp } from '../../op.js';
import { type Shape, sizeOf, stridesOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { div } from '../elementwise/binary.js';
import { forEachRun } from '../elementwise/broadcast.js';
import { cast } from '../elementwise/cast.js';
import { equal } from '../elementwise/compare.js';
import { where } from '../elementwise/where.js';
import { reshape } from '../shape/reshape.js';
import { type ReduceOptions, type Reduction, reductionOf } from './reduction.js';
import { sum } from './sum.js';

/**
 * Takes the largest element over `axes`, or NaN if there is one. Equal largest elements share the gradient equally, as
 * in PyTorch's `amax` (its `max` along an axis gives all of it to the first). If the result is NaN, so is the gradient.
 *
 * @param x Of any shape.
 * @returns The shape of x without the reduced axes, or with size 1 there (`keepDims`).
 * @throws ShapeError if an axis is out of range or named twice, or if there are no elements to choose from.
 *
 * @example
 * ```ts
 * import { max, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([[3, 1], [2, 5]]);
 * console.log(`${max(x).values} overall, ${max(x, { axes: 0 }).values} of the columns`);
 * // → 5 overall, 3,5 of the columns
 * ```
 */
export function max<D extends DType>(x: Tensor<D>, options: ReduceOptions = {}): Tensor<D> {
  checkTensor('max', x);
  return apply(maxOp, [x], reductionOf('max', x.shape, options))[0] as Tensor<D>;
}

/**
 * Takes the smallest element over `axes`: see `max`.
 *
 * @param x Of any shape.
 * @returns The shape of x without the reduced axes, or with size 1 there (`keepDims`).
 * @throws ShapeError as `max` does.
 *
 * @example
 * ```ts
 * import { min, tensor } from '@mobinet/tensor';
 *
 * console.log(`${min(tensor([[3, 1], [2, 5]]), { axes: 1 }).values}`); // of the rows
 * // → 1,2
 * ```
 */
export function min<D extends DType>(x: Tensor<D>, options: ReduceOptions = {}): Tensor<D> {
  checkTensor('min', x);
  return apply(minOp, [x], reductionOf('min', x.shape, options))[0] as Tensor<D>;
}

/** 1 finds the largest element, −1 the smallest. */
type Direction = 1 | -1;

const maxOp = extremeOp('max', 1);
const minOp = extremeOp('min', -1);

/* @__NO_SIDE_EFFECTS__ */
function extremeOp(name: string, direction: Direction) {
  return defineOp<[Tensor<DType>], [Tensor<DType>], Reduction, [Tensor<DType>, Tensor<DType>]>({
    name,
    accepts: [dtypes],
    outputs([x], { shape, count }) {
      checkNotEmpty(name, x.shape, count);
      return [{ dtype: x.dtype, shape }];
    },
    reference([{ values: x, shape }], [{ values: y }], { kept }) {
      const positions = findExtremes(x, shape, kept, direction);
      for (let i = 0; i < y.length; i++) y[i] = x[positions[i]];
    },
    saves: ([x], [y]) => [x, y],
    gradient: (dy, { saved: [x, y], attributes: { kept } }) => [
      () => {
        const isExtreme = equal(x, reshape(y, kept));
        const axes = kept.flatMap((size, axis) => (size === x.shape[axis] ? [] : [axis]));
        return div(where(isExtreme, reshape(dy, kept), 0), cast(sum(isExtreme, { axes, keepDims: true }), 'f32'));
      },
    ],
  });
}

/**
 * Finds the index of the largest element along `axis`, or of the first NaN if there is one. Among equals, the first
 * counts. Throws as `max` does.
 *
 * @param x Of any shape, except a scalar.
 * @param axis Default: the last one.
 * @returns i32, the shape of x without the axis.
 *
 * @example
 * ```ts
 * import { argMax, tensor } from '@mobinet/tensor';
 *
 * const logits = tensor([[0.1, 2, -1], [3, 0, 1]]);
 * console.log(`${argMax(logits).values}`); // the predicted class of each row
 * // → 1,0
 * ```
 */
export function argMax(x: Tensor<DType>, axis = -1): Tensor<'i32'> {
  checkTensor('argMax', x);
  return apply(argMaxOp, [x], { axis: normalizeAxis('argMax', axis, x.rank) })[0];
}

/**
 * Finds the index of the smallest element along `axis`: see `argMax`.
 *
 * @param x Of any shape, except a scalar.
 * @param axis Default: the last one.
 * @returns i32, the shape of x without the axis.
 *
 * @example
 * ```ts
 * import { argMin, tensor } from '@mobinet/tensor';
 *
 * console.log(`${argMin(tensor([[3, 1], [2, 5]]), 0).values}`); // the row of the smallest element of each column
 * // → 1,0
 * ```
 */
export function argMin(x: Tensor<DType>, axis = -1): Tensor<'i32'> {
  checkTensor('argMin', x);
  return apply(argMinOp, [x], { axis: normalizeAxis('argMin', axis, x.rank) })[0];
}

const argMaxOp = argExtremeOp('argMax', 1);
const argMinOp = argExtremeOp('argMin', -1);

/* @__NO_SIDE_EFFECTS__ */
function argExtremeOp(name: string, direction: Direction) {
  return defineOp<[Tensor<DType>], [Tensor<'i32'>], { axis: number }>({
    name,
    accepts: [dtypes],
    outputs([{ shape }], { axis }) {
      checkNotEmpty(name, shape, shape[axis]);
      return [{ dtype: 'i32', shape: shape.toSpliced(axis, 1) }];
    },
    reference([{ values: x, shape }], [{ values: indices }], { axis }) {
      const positions = findExtremes(x, shape, shape.with(axis, 1), direction);
      const [size, stride] = [shape[axis], stridesOf(shape)[axis]];
      for (let i = 0; i < indices.length; i++) indices[i] = Math.floor(positions[i] / stride) % size;
    },
  });
}

function checkNotEmpty(op: string, shape: Shape, count: number): void {
  if (count === 0) {
    throw new ShapeError(
      op,
      'there are no elements to choose from',
      [{ name: 'x', shape }],
      'The reduced axes must have at least one element.',
    );
  }
}

const nowhere = -1;

/** The position in x of the first extreme element for each element of `kept`. */
function findExtremes(x: TypedArray, shape: Shape, kept: Shape, direction: Direction): Int32Array {
  const positions = new Int32Array(sizeOf(kept)).fill(nowhere);
  forEachRun(shape, [kept], (at, end, [to], [step]) => {
    for (; at < end; at++, to += step) {
      const best = positions[to];
      // The first NaN beats all numbers, and no number or NaN beats it.
      const isFirstNaN = Number.isNaN(x[at]) && !Number.isNaN(x[best]);
      if (best === nowhere || direction * x[at] > direction * x[best] || isFirstNaN) positions[to] = at;
    }
  });
  return positions;
}
