import { checkNumber, checkTensor } from '../../check.js';
import { type DType, dtypes } from '../../dtype.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { mul, sub } from '../elementwise/binary.js';
import { forEachRun } from '../elementwise/broadcast.js';
import { broadcastTo } from '../shape/broadcast-to.js';
import { reshape } from '../shape/reshape.js';
import { type ReduceOptions, type Reduction, reductionOf } from './reduction.js';
import { sumsOf, sumTo } from './sum.js';
import { sumByKernel } from './sum.wasm.js';

/**
 * Averages over `axes`, in f32 for every dtype: `mean(equal(a, b))` is the fraction of equal elements. Sums are in
 * double precision. The mean of no elements is NaN. Throws as `sum` does.
 *
 * @param x Of any shape.
 * @returns f32, the shape of x without the reduced axes, or with size 1 there (`keepDims`).
 *
 * @example
 * ```ts
 * import { argMax, equal, mean, tensor } from '@mobinet/tensor';
 *
 * const predicted = argMax(tensor([[1, 5], [4, 2], [0, 3], [2, 1]]));
 * console.log(`accuracy ${mean(equal(predicted, tensor([1, 0, 0, 0], { dtype: 'i32' }))).values}`);
 * // → accuracy 0.75
 * ```
 */
export function mean(x: Tensor<DType>, options: ReduceOptions = {}): Tensor {
  checkTensor('mean', x);
  return apply(meanOp, [x], reductionOf('mean', x.shape, options))[0];
}

const meanOp = defineOp<[Tensor<DType>], [Tensor], Reduction>({
  name: 'mean',
  accepts: [dtypes],
  outputs: (_, { shape }) => [{ dtype: 'f32', shape }],
  reference([{ values: x, shape }], [{ values: y }], { kept, count }) {
    const sums = sumsOf(x, shape, kept);
    for (let i = 0; i < y.length; i++) y[i] = sums[i] / count;
  },
  fast([x], [y], reduction) {
    if (!sumByKernel(x as Tensor, reduction.kept, y, reduction.count)) meanOp.reference([x], [y], reduction);
  },
  webgpu: ([x], [y], { kept, count }) => gpuKernels().sumOnGpu(x, kept, y, count),
  gradient: (dy, { inputShapes: [x], attributes: { kept, count } }) => [
    () => broadcastTo(reshape(mul(dy, 1 / count), kept), x),
  ],
});

/** Options of `variance` and `std`. */
export interface VarianceOptions extends ReduceOptions {
  /**
   * The sum of squares is divided by (count − correction), or by 0 if that is negative: 0 for a population, 1 for a
   * sample. Default 0.
   */
  correction?: number;
}

/**
 * Computes the mean squared distance from the mean over `axes`, in two passes and in double precision. Throws as `sum`
 * does.
 *
 * @param x f32 of any shape.
 * @param options.correction 0, the default, for the variance of a population; 1 for the estimate from a sample.
 * @returns f32, the shape of x without the reduced axes, or with size 1 there (`keepDims`).
 * @throws RangeError if the correction is not a finite number.
 *
 * @example
 * ```ts
 * import { tensor, variance } from '@mobinet/tensor';
 *
 * const x = tensor([1, 2, 3, 4]);
 * console.log(
 *   `${variance(x).values} as NumPy's var, ${variance(x, { correction: 1 }).values[0].toFixed(4)} as PyTorch's`,
 * );
 * // → 1.25 as NumPy's var, 1.6667 as PyTorch's
 * ```
 */
export function variance(x: Tensor, options: VarianceOptions = {}): Tensor {
  return apply(varianceOp, [x], spreadOf('variance', x, options))[0];
}

/** A reduction to squared distances from the mean, whose sum is divided by `divisor`. */
export interface Spread extends Reduction {
  readonly divisor: number;
}

/** Checks the arguments of `variance` or `std`. */
export function spreadOf(op: string, x: Tensor, options: VarianceOptions): Spread {
  checkTensor(op, x);
  const reduction = reductionOf(op, x.shape, options, ['axes', 'keepDims', 'correction']);
  const correction = checkNumber(`${op}: correction`, options.correction ?? 0, {});
  return { ...reduction, divisor: Math.max(0, reduction.count - correction) };
}

const varianceOp = defineOp<[Tensor], [Tensor], Spread, [Tensor]>({
  name: 'variance',
  outputs: (_, { shape }) => [{ dtype: 'f32', shape }],
  reference([x], [{ values: y }], spread) {
    const squares = squaredDistances(x, spread);
    for (let i = 0; i < y.length; i++) y[i] = squares[i] / spread.divisor;
  },
  saves: (inputs) => inputs,
  // The mean depends on x, too, but the sum of squares is minimal at the mean, so this adds nothing to the gradient.
  gradient: (dy, { saved: [x], attributes: { kept, count, divisor } }) => [
    () => mul(sub(x, mul(sumTo(x, kept), 1 / count)), reshape(mul(dy, 2 / divisor), kept)),
  ],
});

/** Sums the squared distances from the mean. */
export function squaredDistances({ values: x, shape }: Tensor, { kept, count }: Reduction): Float64Array {
  const means = sumsOf(x, shape, kept);
  for (let i = 0; i < means.length; i++) means[i] /= count;
  const squares = new Float64Array(means.length);
  forEachRun(shape, [kept], (at, end, [to], [step]) => {
    for (; at < end; at++, to += step) squares[to] += (x[at] - means[to]) ** 2;
  });
  return squares;
}
