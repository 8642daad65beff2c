import { checkTensor } from '../../check.js';
import type { DType } from '../../dtype.js';
import { apply, defineOp } from '../../op.js';
import type { Tensor } from '../../tensor.js';

/**
 * Converts x to another dtype as typed arrays do: fractions are truncated, and integers that do not fit keep their low
 * bits. The gradient passes unchanged from f32 to f32; no gradient passes through integers.
 */
export function cast<D extends DType>(x: Tensor<DType>, dtype: D): Tensor<D> {
  checkTensor('cast', x);
  return apply(castOp, [x], { from: x.dtype, to: dtype })[0] as Tensor<D>;
}

const castOp = defineOp<[Tensor<DType>], [Tensor<DType>], { from: DType; to: DType }>({
  name: 'cast',
  outputs: ([x], { to }) => [{ dtype: to, shape: x.shape }],
  reference: ([x], [y]) => y.values.set(x.values),
  gradient: (dy, { attributes: { from, to } }) => [from === 'f32' && to === 'f32' ? () => dy : null],
});
