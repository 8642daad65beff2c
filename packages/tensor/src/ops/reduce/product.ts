import { checkTensor } from '../../check.js';
import { type DType, dtypes } from '../../dtype.js';
import { apply, defineOp } from '../../op.js';
import { sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { mul } from '../elementwise/binary.js';
import { forEachRun } from '../elementwise/broadcast.js';
import { reshape } from '../shape/reshape.js';
import { transpose } from '../shape/transpose.js';
import { cumulativeProduct } from './cumulative.js';
import { type ReduceOptions, type Reduction, reductionOf } from './reduction.js';
import { type SumDType, sumDTypeOf } from './sum.js';

/**
 * Multiplies the elements over `axes`, in double precision. The product of no elements is 1. Products of u8 and i16 are
 * i32, as sums are; products of integers keep their low 32 bits (PyTorch has 64). The gradient of an element is the
 * product of the others, also where it is 0, infinite or NaN itself. (PyTorch divides by infinities and NaN, so it has
 * NaN there.)
 *
 * @param x Of any shape.
 * @returns The shape of x without the reduced axes, or with size 1 there (`keepDims`).
 * @throws ShapeError if an axis is out of range or named twice.
 *
 * @example
 * ```ts
 * import { prod, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([[1, 2, 3], [4, 5, 6]]);
 * console.log(`${prod(x).values}; of the columns ${prod(x, { axes: 0 }).values}`);
 * // → 720; of the columns 4,10,18
 * ```
 */
export function prod<D extends DType>(x: Tensor<D>, options: ReduceOptions = {}): Tensor<SumDType<D>> {
  checkTensor('prod', x);
  return apply(prodOp, [x], reductionOf('prod', x.shape, options))[0] as Tensor<DType> as Tensor<SumDType<D>>;
}

const prodOp = defineOp<[Tensor<DType>], [Tensor<DType>], Reduction, [Tensor]>({
  name: 'prod',
  accepts: [dtypes],
  outputs: ([x], { shape }) => [{ dtype: sumDTypeOf(x.dtype), shape }],
  reference([{ dtype, values: x, shape }], [y], { kept }) {
    // A product of two integers can have more bits than a double, and imul keeps the low ones.
    const times = dtype === 'f32' ? (a: number, b: number) => a * b : Math.imul;
    const products = new Float64Array(y.size).fill(1);
    forEachRun(shape, [kept], (at, end, [to], [step]) => {
      for (; at < end; at++, to += step) products[to] = times(products[to], x[at]);
    });
    y.values.set(products);
  },
  saves: ([x]) => [x as Tensor],
  gradient: (dy, { saved: [x], attributes }) => [
    () => mul(reshape(dy, attributes.kept), productOfOthers(x, attributes)),
  ],
});

/**
 * For each element, the product of all others with which the reduction multiplies it: of those before it and of those
 * after it. The quotient of the whole product and the element would not do, since either may be 0.
 */
function productOfOthers(x: Tensor, { axes, kept, count }: Reduction): Tensor {
  const order = [...x.shape.keys()].filter((axis) => !axes.includes(axis)).concat(axes);
  const reducedLast = transpose(x, order);
  const rows = reshape(reducedLast, [sizeOf(kept), count]);
  const before = cumulativeProduct(rows, { axis: 1, reverse: false, exclusive: true });
  const after = cumulativeProduct(rows, { axis: 1, reverse: true, exclusive: true });
  const inverse = order.map((_, axis) => order.indexOf(axis));
  return transpose(reshape(mul(before, after), reducedLast.shape), inverse);
}
