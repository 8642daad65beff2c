import type { DType } from './dtype.js';
import { clip } from './ops/elementwise/activation.js';
import { add, div, maximum, minimum, mul, pow, sub } from './ops/elementwise/binary.js';
import { cast } from './ops/elementwise/cast.js';
import { abs, exp, log, neg, sqrt, square } from './ops/elementwise/unary.js';
import { type MatmulOptions, matmul } from './ops/matmul/matmul.js';
import { argMax, argMin, max, min } from './ops/reduce/extreme.js';
import { mean } from './ops/reduce/mean.js';
import type { ReduceOptions } from './ops/reduce/reduction.js';
import { type SumDType, sum } from './ops/reduce/sum.js';
import { reshape, squeeze, unsqueeze } from './ops/shape/reshape.js';
import { slice } from './ops/shape/slice.js';
import { transpose } from './ops/shape/transpose.js';
import type { Shape } from './shape.js';
import { Tensor } from './tensor.js';

// Arithmetic and views as methods, so that formulas read from left to right: x.sub(mean).div(deviation). Each method
// calls the free function of the same name, which documents it, with the tensor as first argument.

declare module './tensor.js' {
  interface Tensor<D extends DType = 'f32'> {
    /** `add(this, b)`: the sum. */
    add(b: Tensor<D> | number): Tensor<D>;
    /** `sub(this, b)`: the difference. */
    sub(b: Tensor<D> | number): Tensor<D>;
    /** `mul(this, b)`: the product, element by element. */
    mul(b: Tensor<D> | number): Tensor<D>;
    /** `div(this, b)`: the quotient. */
    div(b: Tensor<D> | number): Tensor<D>;
    /** `pow(this, b)`: this to the power of b. */
    pow(b: Tensor<D> | number): Tensor<D>;
    /** `maximum(this, b)`: the larger elements. */
    maximum(b: Tensor<D> | number): Tensor<D>;
    /** `minimum(this, b)`: the smaller elements. */
    minimum(b: Tensor<D> | number): Tensor<D>;

    /** `neg(this)`: −x. */
    neg(this: Tensor): Tensor;
    /** `abs(this)`: |x|. */
    abs(this: Tensor): Tensor;
    /** `exp(this)`: eˣ. */
    exp(this: Tensor): Tensor;
    /** `log(this)`: the natural logarithm. */
    log(this: Tensor): Tensor;
    /** `sqrt(this)`: √x. */
    sqrt(this: Tensor): Tensor;
    /** `square(this)`: x². */
    square(this: Tensor): Tensor;
    /** `clip(this, min, max)`: clamped to a range. */
    clip(this: Tensor, min: number, max: number): Tensor;
    /** `cast(this, dtype)`: converted to another dtype. */
    cast<E extends DType>(dtype: E): Tensor<E>;

    /** `sum(this, options)`: the sum over axes. */
    sum(options?: ReduceOptions): Tensor<SumDType<D>>;
    /** `mean(this, options)`: the mean over axes. */
    mean(options?: ReduceOptions): Tensor;
    /** `max(this, options)`: the largest element over axes. */
    max(options?: ReduceOptions): Tensor<D>;
    /** `min(this, options)`: the smallest element over axes. */
    min(options?: ReduceOptions): Tensor<D>;
    /** `argMax(this, axis)`: the index of the largest element along an axis. */
    argMax(axis?: number): Tensor<'i32'>;
    /** `argMin(this, axis)`: the index of the smallest element along an axis. */
    argMin(axis?: number): Tensor<'i32'>;

    /** `matmul(this, b, options)`: the matrix product. */
    matmul(this: Tensor, b: Tensor, options?: MatmulOptions): Tensor;

    /** `reshape(this, shape)`: a view with another shape. */
    reshape(shape: Shape): Tensor<D>;
    /** `squeeze(this, axes)`: a view without axes of size 1. */
    squeeze(axes?: number | readonly number[]): Tensor<D>;
    /** `unsqueeze(this, axis)`: a view with one more axis of size 1. */
    unsqueeze(axis: number): Tensor<D>;
    /** `transpose(this, permutation)`: the axes in another order. */
    transpose(permutation?: readonly number[]): Tensor<D>;
    /** `slice(this, start, end)`: a part of it. */
    slice(start: readonly number[], end?: readonly (number | undefined)[]): Tensor<D>;
  }
}

type TensorFunction = (x: Tensor<DType>, ...rest: unknown[]) => unknown;

const functions = {
  add,
  sub,
  mul,
  div,
  pow,
  maximum,
  minimum,
  neg,
  abs,
  exp,
  log,
  sqrt,
  square,
  clip,
  cast,
  sum,
  mean,
  max,
  min,
  argMax,
  argMin,
  matmul,
  reshape,
  squeeze,
  unsqueeze,
  transpose,
  slice,
};

for (const [name, f] of Object.entries(functions) as [string, TensorFunction][]) {
  Object.defineProperty(Tensor.prototype, name, {
    value(this: Tensor<DType>, ...rest: unknown[]) {
      return f(this, ...rest);
    },
  });
}
