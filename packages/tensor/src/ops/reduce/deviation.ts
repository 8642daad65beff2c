import { apply, defineOp } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { div, mul, sub } from '../elementwise/binary.js';
import { equal } from '../elementwise/compare.js';
import { where } from '../elementwise/where.js';
import { reshape } from '../shape/reshape.js';
import { mean, type Spread, spreadOf, squaredDistances, type VarianceOptions } from './mean.js';

/**
 * Computes the standard deviation over `axes`, the square root of `variance`:
 *
 *     y = √( Σ (x − mean)² / (count − correction) )
 *
 * The squares and their sum are in double precision, so they overflow for no x. Where the deviation is 0, so is the
 * gradient, as in PyTorch. Throws as `variance` does.
 *
 * @param x f32 of any shape.
 * @param options.correction 0, the default, for a population as in NumPy; 1 for a sample, PyTorch's default.
 * @returns f32, the shape of x without the reduced axes, or with size 1 there (`keepDims`).
 *
 * @example
 * ```ts
 * import { std, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([[1, 3], [10, 30]]);
 * console.log(`${std(x, { axes: 1 }).values} as NumPy's, ${std(x, { axes: 1, correction: 1 })} as PyTorch's`);
 * // → 1,10 as NumPy's, Tensor<f32> [2]
 * // → [ 1.4142, 14.1421] as PyTorch's
 * ```
 */
export function std(x: Tensor, options: VarianceOptions = {}): Tensor {
  return apply(stdOp, [x], spreadOf('std', x, options))[0];
}

const stdOp = defineOp<[Tensor], [Tensor], Spread, [Tensor, Tensor]>({
  name: 'std',
  outputs: (_, { shape }) => [{ dtype: 'f32', shape }],
  reference([x], [{ values: y }], spread) {
    const squares = squaredDistances(x, spread);
    for (let i = 0; i < y.length; i++) y[i] = Math.sqrt(squares[i] / spread.divisor);
  },
  saves: ([x], [y]) => [x, y],
  // The gradient of the variance divided by 2·y. Where y is 0, the quotient is 0/1, so that it has derivatives, too.
  gradient: (dy, { saved: [x, y], attributes: { axes, kept, divisor } }) => [
    () => {
      const isZero = equal(y, 0);
      const slope = div(where(isZero, 0, dy), mul(where(isZero, 1, y), divisor));
      return mul(sub(x, mean(x, { axes, keepDims: true })), reshape(slope, kept));
    },
  ],
});
