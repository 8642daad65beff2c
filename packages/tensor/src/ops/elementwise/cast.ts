import { checkChoice, checkTensor } from '../../check.js';
import { type DType, dtypes } from '../../dtype.js';
import { apply, defineOp } from '../../op.js';
import type { Tensor } from '../../tensor.js';

/**
 * Converts x to another dtype, element by element, as typed arrays do: fractions are truncated, and integers that do
 * not fit keep their low bits. The gradient passes unchanged from f32 to f32; no gradient passes through integers.
 *
 * @throws RangeError for an unknown dtype.
 *
 * @example
 * ```ts
 * import { cast, tensor } from '@mobinet/tensor';
 *
 * console.log(`${cast(tensor([2.9, -2.9, 300]), 'i32').values}`);
 * // → 2,-2,300
 * console.log(`${cast(tensor([2.9, -2.9, 300]), 'u8').values}`);
 * // → 2,254,44
 * ```
 */
export function cast<D extends DType>(x: Tensor<DType>, dtype: D): Tensor<D> {
  checkTensor('cast', x);
  checkChoice('cast: dtype', dtype, dtypes);
  return apply(castOp, [x], { from: x.dtype, to: dtype })[0] as Tensor<D>;
}

const castOp = defineOp<[Tensor<DType>], [Tensor<DType>], { from: DType; to: DType }>({
  name: 'cast',
  accepts: [dtypes],
  outputs: ([x], { to }) => [{ dtype: to, shape: x.shape }],
  reference: ([x], [y]) => y.values.set(x.values),
  gradient: (dy, { attributes: { from, to } }) => [from === 'f32' && to === 'f32' ? () => dy : null],
});
