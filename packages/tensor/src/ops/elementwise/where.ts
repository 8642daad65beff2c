import { broadcastShapes } from '../../check-shape.js';
import { type DType, dtypes } from '../../dtype.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { sumTo } from '../reduce/sum.js';
import { forEachRun } from './broadcast.js';
import { type Operands, withTensors } from './operands.js';
import { whereByKernel } from './where.wasm.js';

/**
 * Selects a where the condition is not 0, else b, element by element. All three broadcast.
 *
 * @param condition u8, such as the result of `greater`.
 * @param a The elements where the condition holds: a tensor or a number.
 * @param b The elements elsewhere, of the dtype of a. At most one of the two is a number.
 * @throws ShapeError if the shapes do not broadcast.
 * @throws DTypeError if a and b differ in dtype.
 *
 * @example
 * ```ts
 * import { greater, sqrt, tensor, where } from '@mobinet/tensor';
 *
 * const x = tensor([4, -9]);
 * console.log(`${where(greater(x, 0), sqrt(x), 0).values}`);
 * // → 2,0
 * ```
 */
export function where<D extends DType>(
  condition: Tensor<'u8'>,
  a: Tensor<D>,
  b: Tensor<NoInfer<D>> | number,
): Tensor<D>;
export function where<D extends DType>(condition: Tensor<'u8'>, a: number, b: Tensor<D>): Tensor<D>;
export function where<D extends DType>(condition: Tensor<'u8'>, ...operands: Operands<D>): Tensor<D> {
  return withTensors('where', operands, (a, b) => apply(whereOp, [condition, a, b], undefined)[0] as Tensor<D>);
}

const whereMap = { name: 'where', operands: ['condition', 'a', 'b'], wgsl: 'select(b, a, condition != 0u)', dtypes };

type WhereInputs = [Tensor<'u8'>, Tensor<DType>, Tensor<DType>];

const whereOp = defineOp<WhereInputs, [Tensor<DType>], undefined, [Tensor<'u8'>]>({
  name: 'where',
  accepts: [['u8'], dtypes],
  outputs: ([condition, a, b]) => [
    {
      dtype: a.dtype,
      shape: broadcastShapes('where', condition.shape, broadcastShapes('where', a.shape, b.shape)),
    },
  ],
  reference([condition, a, b], [{ values: y, shape }]) {
    const [c, aValues, bValues] = [condition.values, a.values, b.values];
    forEachRun(shape, [condition.shape, a.shape, b.shape], (at, end, [cAt, aAt, bAt], [cStep, aStep, bStep]) => {
      for (; at < end; at++, cAt += cStep, aAt += aStep, bAt += bStep) {
        y[at] = c[cAt] !== 0 ? aValues[aAt] : bValues[bAt];
      }
    });
  },
  fast(inputs, outputs) {
    if (!whereByKernel(...inputs, outputs[0])) whereOp.reference(inputs, outputs, undefined);
  },
  webgpu: (inputs, [y]) => gpuKernels().mapOnGpu(whereMap, inputs, y),
  saves: ([condition]) => [condition],
  gradient: (dy, { saved: [condition], inputShapes: [, a, b] }) => [
    null,
    () => sumTo(where(condition, dy, 0), a),
    () => sumTo(where(condition, 0, dy), b),
  ],
});
