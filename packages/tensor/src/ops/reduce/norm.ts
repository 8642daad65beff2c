import { checkTensor, shown } from '../../check.js';
import { ShapeError } from '../../errors.js';
import { apply, defineOp } from '../../op.js';
import { tidy } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { div, mul, pow } from '../elementwise/binary.js';
import { forEachRun } from '../elementwise/broadcast.js';
import { cast } from '../elementwise/cast.js';
import { equal, notEqual } from '../elementwise/compare.js';
import { abs, sign } from '../elementwise/unary.js';
import { where } from '../elementwise/where.js';
import { reshape } from '../shape/reshape.js';
import { max } from './extreme.js';
import { type ReduceOptions, type Reduction, reductionOf } from './reduction.js';
import { sum } from './sum.js';

/** Options of `norm`. */
export interface NormOptions extends ReduceOptions {
  /** The order: any number from 0 up, or Infinity. Default 2. */
  p?: number;
}

/**
 * Computes the p-norm of the elements over `axes`, taken as one vector:
 *
 *     y = ( Σ |x|ᵖ )^(1/p)
 *
 * With p = 2 this is the Euclidean length, and with p = 1 the sum of |x|. Infinity gives the largest |x|, and 0 the
 * number of elements that are not 0. As PyTorch's `vector_norm`, it never is the norm of a matrix as an operator. The
 * sum is in double precision, and relative to the largest |x|, so that no power overflows or underflows.
 *
 * As in PyTorch, the gradient is 0 where the norm is 0, and at x = 0 for p ≤ 1; equal largest |x| share it equally; and
 * for p = 0 there is none. If the norm for p = Infinity is NaN, so is the gradient, as that of `max`.
 *
 * @param x f32 of any shape.
 * @returns f32, the shape of x without the reduced axes, or with size 1 there (`keepDims`).
 * @throws ShapeError if an axis is out of range or named twice, or if there are no elements and p is Infinity.
 * @throws RangeError if p is negative or not a number.
 *
 * @example
 * ```ts
 * import { norm, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([3, 0, -4]);
 * const orders = [2, 1, Number.POSITIVE_INFINITY, 0];
 * console.log(orders.map((p) => `p = ${p}: ${norm(x, { p }).values}`).join('; '));
 * // → p = 2: 5; p = 1: 7; p = Infinity: 4; p = 0: 2
 * ```
 */
export function norm(x: Tensor, options: NormOptions = {}): Tensor {
  checkTensor('norm', x, 'x', ['f32']);
  const reduction = reductionOf('norm', x.shape, options, ['axes', 'keepDims', 'p']);
  const { p = 2, axes, keepDims = false } = options;
  if (!(typeof p === 'number' && p >= 0)) {
    throw new RangeError(`norm: p must be a number of at least 0, or Infinity, not ${shown(p)}`);
  }
  const over = { ...(axes !== undefined && { axes }), keepDims };
  if (p === 0) return tidy(() => cast(sum(notEqual(x, 0), over), 'f32'));
  if (p === 1) return tidy(() => sum(abs(x), over));
  if (p < Number.POSITIVE_INFINITY) return apply(normOp, [x], { ...reduction, p })[0];
  if (reduction.count === 0) {
    throw new ShapeError('norm', 'there is no largest element of none', [{ name: 'x', shape: x.shape }]);
  }
  return tidy(() => max(abs(x), over));
}

const normOp = defineOp<[Tensor], [Tensor], Reduction & { p: number }, [Tensor, Tensor]>({
  name: 'norm',
  outputs: (_, { shape }) => [{ dtype: 'f32', shape }],
  reference([{ values: x, shape }], [{ values: y }], { kept, p }) {
    const largest = new Float64Array(y.length);
    forEachRun(shape, [kept], (at, end, [to], [step]) => {
      for (; at < end; at++, to += step) largest[to] = Math.max(largest[to], Math.abs(x[at]));
    });
    const sums = new Float64Array(y.length);
    forEachRun(shape, [kept], (at, end, [to], [step]) => {
      for (; at < end; at++, to += step) sums[to] += (Math.abs(x[at]) / largest[to]) ** p;
    });
    for (let i = 0; i < y.length; i++) {
      // The quotients are 0/0 or ∞/∞ where the largest is 0 or infinite.
      const isScaled = largest[i] > 0 && largest[i] < Number.POSITIVE_INFINITY;
      y[i] = isScaled ? largest[i] * sums[i] ** (1 / p) : largest[i];
    }
  },
  saves: ([x], [y]) => [x, y],
  // ∂y/∂x = sign(x)·(|x|/y)^(p − 1), whose base is at most 1. Zeros are taken out before the divisions, not after them,
  // so that no NaN comes back in second derivatives.
  gradient: (dy, { saved: [x, norms], attributes: { kept, p } }) => [
    () => {
      const isZero = equal(norms, 0);
      const y = reshape(where(isZero, 1, norms), kept);
      const dyOrZero = reshape(where(isZero, 0, dy), kept);
      if (p === 2) return mul(dyOrZero, div(x, y));
      const isZeroHere = equal(x, 0);
      const slope = mul(sign(x), pow(where(isZeroHere, 1, div(abs(x), y)), p - 1));
      return mul(dyOrZero, where(isZeroHere, 0, slope));
    },
  ],
});
