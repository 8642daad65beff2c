import { checkNumber, checkTensor, wholeNumbers } from '../../check.js';
import { normalizeAxis } from '../../check-shape.js';
import { type DType, dtypes } from '../../dtype.js';
import { ShapeError } from '../../errors.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import { type Shape, sameShape, sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { bitsOf, copyRun } from './copy-block.js';
import { gatherByKernel, scatterAddByKernel } from './gather.wasm.js';

/**
 * Picks slices of x along an axis by index, as NumPy's `take` does.
 *
 *     y[...before, ...i, ...after] = x[...before, indices[...i], ...after]
 *
 * @param x Of any shape, except a scalar.
 * @param indices Of any shape, which replaces the axis in the shape of the result.
 * @param axis Default 0.
 * @throws RangeError for an index outside the axis. A GPU cannot throw, and picks zeros there.
 *
 * @example
 * ```ts
 * import { gather, tensor } from '@mobinet/tensor';
 *
 * const words = tensor([[0, 0.5], [1, 1.5], [2, 2.5]]); // an embedding of three words
 * console.log(`${gather(words, tensor([2, 0], { dtype: 'i32' })).values}`);
 * // → 2,2.5,0,0.5
 * ```
 */
export function gather<D extends DType>(x: Tensor<D>, indices: Tensor<'i32'>, axis = 0): Tensor<D> {
  checkTensor('gather', x);
  checkTensor('gather', indices, 'indices');
  return gatherFor('gather', x, indices, normalizeAxis('gather', axis, x.rank));
}

/** `gather` along an axis that is not negative, for a function that errors name. */
export function gatherFor<D extends DType>(
  caller: string,
  x: Tensor<D>,
  indices: Tensor<'i32'>,
  axis: number,
): Tensor<D> {
  return apply(gatherOp, [x, indices], { axis, caller })[0] as Tensor<D>;
}

interface Gathering {
  readonly axis: number;
  /** The function that the caller has called. */
  readonly caller: string;
}

const gatherOp = defineOp<[Tensor<DType>, Tensor<'i32'>], [Tensor<DType>], Gathering, [Tensor<'i32'>]>({
  name: 'gather',
  accepts: [dtypes, ['i32']],
  outputs: ([{ dtype, shape }, indices], { axis }) => [{ dtype, shape: shape.toSpliced(axis, 1, ...indices.shape) }],
  reference([x, { values: indices }], [y], { axis, caller }) {
    const [outer, size, run] = aroundAxis(x.shape, axis);
    checkIndices(caller, indices, size);
    const [source, target] = [x, y].map((tensor) => ({ bits: bitsOf(tensor), stride: 1 }));
    for (let o = 0, at = 0; o < outer; o++) {
      for (let i = 0; i < indices.length; i++, at += run) {
        copyRun(run, source, (o * size + indices[i]) * run, target, at);
      }
    }
  },
  fast([x, indices], [y], { axis, caller }) {
    const [, size, run] = aroundAxis(x.shape, axis);
    checkIndices(caller, indices.values, size);
    gatherByKernel(x, indices, y, size, run);
  },
  webgpu([x, indices], [y], { axis }) {
    const [, size, run] = aroundAxis(x.shape, axis);
    gpuKernels().gatherOnGpu(x, indices, y, size, run);
  },
  saves: ([, indices]) => [indices],
  gradient: (dy, { saved: [indices], attributes: { axis }, inputShapes: [shape] }) => [
    () => scatterAdd(dy, indices, shape[axis], axis),
    null,
  ],
});

/**
 * Adds up slices by index: the transpose of `gather`, and so its gradient.
 *
 *     y[...before, indices[...i], ...after] += updates[...before, ...i, ...after],   from y = 0
 *
 * @param updates [...before, ...indices.shape, ...after].
 * @param indices Of any shape.
 * @param size The size of the axis of the result.
 * @param axis Default 0.
 * @returns f32 [...before, size, ...after].
 * @throws ShapeError if the shapes of updates and indices do not match.
 * @throws RangeError for an index outside 0 … size − 1. A GPU cannot throw, and drops such an update.
 *
 * @example
 * ```ts
 * import { ones, scatterAdd, tensor } from '@mobinet/tensor';
 *
 * const votes = tensor([1, 0, 1, 1], { dtype: 'i32' });
 * console.log(`${scatterAdd(ones([4]), votes, 3).values}`); // a histogram
 * // → 1,3,0
 * ```
 */
export function scatterAdd(updates: Tensor, indices: Tensor<'i32'>, size: number, axis = 0): Tensor {
  checkTensor('scatterAdd', updates, 'updates');
  checkTensor('scatterAdd', indices, 'indices');
  checkNumber('scatterAdd: size', size, wholeNumbers(0));
  const resultRank = updates.rank - indices.rank + 1;
  return apply(scatterAddOp, [updates, indices], { size, axis: normalizeAxis('scatterAdd', axis, resultRank) })[0];
}

const scatterAddOp = defineOp<[Tensor, Tensor<'i32'>], [Tensor], { size: number; axis: number }, [Tensor<'i32'>]>({
  name: 'scatterAdd',
  accepts: [['f32'], ['i32']],
  outputs([updates, indices], { size, axis }) {
    if (!sameShape(updates.shape.slice(axis, axis + indices.rank), indices.shape)) {
      throw new ShapeError(
        'scatterAdd',
        'the shapes of updates and indices do not match',
        [
          { name: 'updates', shape: updates.shape },
          { name: 'indices', shape: indices.shape },
        ],
        `From axis ${axis} on, updates must have the shape of indices.`,
      );
    }
    return [{ dtype: 'f32', shape: updates.shape.toSpliced(axis, indices.rank, size) }];
  },
  reference([{ values: updates }, { values: indices }], [{ values: y, shape }], { size, axis }) {
    const [outer, , run] = aroundAxis(shape, axis);
    checkIndices('scatterAdd', indices, size);
    y.fill(0);
    let at = 0;
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < indices.length; i++) {
        for (let k = 0; k < run; k++) y[(o * size + indices[i]) * run + k] += updates[at++];
      }
    }
  },
  fast([updates, indices], [y], { size, axis }) {
    const [outer, , run] = aroundAxis(y.shape, axis);
    checkIndices('scatterAdd', indices.values, size);
    scatterAddByKernel(updates, indices, y, { outer, size, run });
  },
  webgpu([updates, indices], [y], { size, axis }) {
    const [, , run] = aroundAxis(y.shape, axis);
    gpuKernels().scatterAddOnGpu(updates, indices, y, size, run);
  },
  saves: ([, indices]) => [indices],
  gradient: (dy, { saved: [indices], attributes: { axis } }) => [() => gather(dy, indices, axis), null],
});

/** The number of elements before, along, and after an axis. */
function aroundAxis(shape: Shape, axis: number): [outer: number, size: number, run: number] {
  return [sizeOf(shape.slice(0, axis)), shape[axis], sizeOf(shape.slice(axis + 1))];
}

function checkIndices(op: string, indices: Int32Array, size: number): void {
  for (let i = 0; i < indices.length; i++) {
    if (indices[i] < 0 || indices[i] >= size) {
      throw new RangeError(`${op}: index ${indices[i]} at position ${i} is outside 0 … ${size - 1}`);
    }
  }
}
