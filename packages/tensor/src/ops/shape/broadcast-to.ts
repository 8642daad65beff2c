import type { DType } from '../../dtype.js';
import { ShapeError } from '../../errors.js';
import { apply, defineOp } from '../../op.js';
import { broadcastShapes, formatShape, type Shape, sameShape, stridesOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { sumTo } from '../reduce/sum.js';
import { copyBlock } from './copy-block.js';

/**
 * x repeated along its axes of size 1, and along new axes in front, until it has this shape (NumPy's rule).
 *
 * @throws ShapeError if another axis would have to change.
 */
export function broadcastTo<D extends DType>(x: Tensor<D>, shape: Shape): Tensor<D> {
  return apply(broadcastToOp, [x], { shape })[0] as Tensor<D>;
}

const broadcastToOp = defineOp<[Tensor<DType>], [Tensor<DType>], { shape: Shape }>({
  name: 'broadcastTo',
  outputs([x], { shape }) {
    if (!sameShape(broadcastShapes('broadcastTo', x.shape, shape), shape)) {
      throw new ShapeError('broadcastTo', `${formatShape(x.shape)} does not stretch to ${formatShape(shape)}`);
    }
    return [{ dtype: x.dtype, shape }];
  },
  reference([x], [y], { shape }) {
    const added = shape.length - x.rank;
    const inner = stridesOf(x.shape);
    const strides = shape.map((_, axis) => (axis < added || x.shape[axis - added] === 1 ? 0 : inner[axis - added]));
    copyBlock(shape, { tensor: x, strides }, { tensor: y, strides: stridesOf(shape) });
  },
  gradient: (dy, { inputShapes: [shape] }) => [() => sumTo(dy, shape)],
});
