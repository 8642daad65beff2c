import { checkTensor } from '../../check.js';
import { apply, defineOp } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { mul, sub } from '../elementwise/binary.js';
import { forEachRun } from '../elementwise/broadcast.js';
import { equal } from '../elementwise/compare.js';
import { flushTiny } from '../elementwise/flush-tiny.js';
import { exp } from '../elementwise/unary.js';
import { where } from '../elementwise/where.js';
import { reshape } from '../shape/reshape.js';
import { type ReduceOptions, type Reduction, reductionOf } from './reduction.js';

/**
 * Computes ln Σ eˣ over `axes`, a smooth maximum, as m + ln Σ e^(x − m), where m is the largest x: so no exponential
 * overflows, and they do not all underflow. The result is −∞ if every x is −∞, or if there is none.
 *
 * Its gradient is the softmax over the axes. For x = −∞ the gradient is 0, also if every x is −∞, where PyTorch has NaN.
 *
 * @param x f32 of any shape.
 * @returns f32, the shape of x without the reduced axes, or with size 1 there (`keepDims`).
 * @throws ShapeError if an axis is out of range or named twice.
 *
 * @example
 * ```ts
 * import { exp, log, logSumExp, sum, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([1000, 1000]);
 * console.log(`${logSumExp(x)}, where the formula gives ${log(sum(exp(x))).values}`);
 * // → Tensor<f32> []
 * // → 1000.6932, where the formula gives Infinity
 * ```
 */
export function logSumExp(x: Tensor, options: ReduceOptions = {}): Tensor {
  checkTensor('logSumExp', x);
  return apply(logSumExpOp, [x], reductionOf('logSumExp', x.shape, options))[0];
}

const infinity = Number.POSITIVE_INFINITY;

const logSumExpOp = defineOp<[Tensor], [Tensor], Reduction, [Tensor, Tensor]>({
  name: 'logSumExp',
  outputs: (_, { shape }) => [{ dtype: 'f32', shape }],
  reference([{ values: x, shape }], [{ values: y }], { kept }) {
    const largest = new Float64Array(y.length).fill(-infinity);
    forEachRun(shape, [kept], (at, end, [to], [step]) => {
      for (; at < end; at++, to += step) largest[to] = Math.max(largest[to], x[at]);
    });
    // x − m would be ∞ − ∞ where m is infinite.
    const shifts = largest.map((m) => (Math.abs(m) === infinity ? 0 : m));
    const sums = new Float64Array(y.length);
    forEachRun(shape, [kept], (at, end, [to], [step]) => {
      for (; at < end; at++, to += step) sums[to] += Math.exp(x[at] - shifts[to]);
    });
    for (let i = 0; i < y.length; i++) y[i] = shifts[i] + Math.log(sums[i]);
  },
  saves: ([x], [y]) => [x, y],
  // ∂y/∂x = eˣ / Σ eˣ = e^(x − y), and 0 for x = −∞, whatever y is.
  gradient: (dy, { saved: [x, y], attributes: { kept } }) => [
    () => {
      const logarithm = where(equal(x, -infinity), -infinity, sub(x, reshape(y, kept)));
      return flushTiny(mul(reshape(dy, kept), exp(logarithm)));
    },
  ],
});
