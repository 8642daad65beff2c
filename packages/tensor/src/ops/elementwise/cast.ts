import { checkTensor } from '../../check.js';
import type { DType } from '../../dtype.js';
import { apply, defineOp } from '../../op.js';
import type { Tensor } from '../../tensor.js';

/**
 * x in another dtype, converted as typed arrays convert: fractions are cut off, and of integers that do not fit the low
 * bits stay. From f32 to f32 the gradient passes unchanged; through integers it does not pass.
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
