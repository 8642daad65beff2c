import { checkTensor } from '../../check.js';
import type { DType, TypedArray } from '../../dtype.js';
import { ShapeError } from '../../errors.js';
import { apply, defineOp, type InputGradients } from '../../op.js';
import { normalizeAxis, type Shape, sizeOf, stridesOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { forEachRun } from '../elementwise/broadcast.js';
import { gather } from '../shape/gather.js';
import { reshape } from '../shape/reshape.js';
import { type ReduceOptions, type Reduction, reductionOf } from './reduction.js';

/**
 * The largest element over `axes`; NaN if there is one. Where several are largest, the gradient goes to the first.
 *
 * @throws ShapeError if an axis is out of range or named twice, or there are no elements to choose from.
 */
export function max<D extends DType>(x: Tensor<D>, options: ReduceOptions = {}): Tensor<D> {
  checkTensor('max', x);
  return apply(maxOp, [x], reductionOf('max', x.shape, options))[0] as Tensor<D>;
}

/** The smallest element over `axes`: see `max`. */
export function min<D extends DType>(x: Tensor<D>, options: ReduceOptions = {}): Tensor<D> {
  checkTensor('min', x);
  return apply(minOp, [x], reductionOf('min', x.shape, options))[0] as Tensor<D>;
}

/** Which way is up: 1 looks for the largest element, −1 for the smallest. */
type Direction = 1 | -1;

const maxOp = extremeOp('max', 1);
const minOp = extremeOp('min', -1);

/** The extreme elements and, as a by-product for the gradient, their positions in x. */
function extremeOp(name: string, direction: Direction) {
  return defineOp<[Tensor<DType>], [Tensor<DType>, Tensor<'i32'>], Reduction, [Tensor<'i32'>]>({
    name,
    outputs([x], { shape, count }) {
      checkNotEmpty(name, x.shape, count);
      return [
        { dtype: x.dtype, shape },
        { dtype: 'i32', shape },
      ];
    },
    reference([{ values: x, shape }], [{ values: y }, { values: positions }], { kept }) {
      findExtremes(x, shape, kept, direction, positions);
      for (let i = 0; i < y.length; i++) y[i] = x[positions[i]];
    },
    saves: (_, [, positions]) => [positions],
    gradient: (dy, { saved: [positions], inputShapes: [x] }): InputGradients => [
      () => apply(extremeGradientOp, [dy, positions], { shape: x })[0],
    ],
  });
}

/** ∂L/∂x of `max` and `min`: each gradient goes where its element was found. */
const extremeGradientOp = defineOp<[Tensor, Tensor<'i32'>], [Tensor], { shape: Shape }, [Tensor<'i32'>]>({
  name: 'extremeGradient',
  outputs: (_, { shape }) => [{ dtype: 'f32', shape }],
  reference([{ values: dy }, { values: positions }], [{ values: dx }]) {
    dx.fill(0);
    for (let i = 0; i < dy.length; i++) dx[positions[i]] = dy[i];
  },
  saves: ([, positions]) => [positions],
  gradient: (ddx, { saved: [positions] }) => [() => gather(reshape(ddx, [-1]), positions), null],
});

/** The index of the largest element along `axis`, the first if there are several. Errors as for `max`. */
export function argMax(x: Tensor<DType>, axis = -1): Tensor<'i32'> {
  checkTensor('argMax', x);
  return apply(argMaxOp, [x], { axis: normalizeAxis('argMax', axis, x.rank) })[0];
}

/** The index of the smallest element along `axis`, the first if there are several. Errors as for `max`. */
export function argMin(x: Tensor<DType>, axis = -1): Tensor<'i32'> {
  checkTensor('argMin', x);
  return apply(argMinOp, [x], { axis: normalizeAxis('argMin', axis, x.rank) })[0];
}

const argMaxOp = argExtremeOp('argMax', 1);
const argMinOp = argExtremeOp('argMin', -1);

function argExtremeOp(name: string, direction: Direction) {
  return defineOp<[Tensor<DType>], [Tensor<'i32'>], { axis: number }>({
    name,
    outputs([{ shape }], { axis }) {
      checkNotEmpty(name, shape, shape[axis]);
      return [{ dtype: 'i32', shape: shape.toSpliced(axis, 1) }];
    },
    reference([{ values: x, shape }], [{ values: indices }], { axis }) {
      findExtremes(x, shape, shape.with(axis, 1), direction, indices);
      const [size, stride] = [shape[axis], stridesOf(shape)[axis]];
      for (let i = 0; i < indices.length; i++) indices[i] = Math.floor(indices[i] / stride) % size;
    },
  });
}

function checkNotEmpty(op: string, shape: Shape, count: number): void {
  if (count === 0) {
    throw new ShapeError(
      op,
      'there are no elements to choose from',
      [{ name: 'x', shape }],
      'The axes reduced must hold at least one element.',
    );
  }
}

const nowhere = -1;

/** Writes where in x the first extreme element of each element of `kept` is. */
function findExtremes(x: TypedArray, shape: Shape, kept: Shape, direction: Direction, positions: Int32Array): void {
  positions.fill(nowhere, 0, sizeOf(kept));
  forEachRun(shape, [kept], (at, end, [to], [step]) => {
    for (; at < end; at++, to += step) {
      const best = positions[to];
      // A NaN is above all, and stays so: nothing is above it.
      if (best === nowhere || direction * x[at] > direction * x[best] || Number.isNaN(x[at])) positions[to] = at;
    }
  });
}
