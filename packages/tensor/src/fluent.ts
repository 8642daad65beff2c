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
    add(b: Tensor<D> | number): Tensor<D>;
    sub(b: Tensor<D> | number): Tensor<D>;
    mul(b: Tensor<D> | number): Tensor<D>;
    div(b: Tensor<D> | number): Tensor<D>;
    pow(b: Tensor<D> | number): Tensor<D>;
    maximum(b: Tensor<D> | number): Tensor<D>;
    minimum(b: Tensor<D> | number): Tensor<D>;

    neg(this: Tensor): Tensor;
    abs(this: Tensor): Tensor;
    exp(this: Tensor): Tensor;
    log(this: Tensor): Tensor;
    sqrt(this: Tensor): Tensor;
    square(this: Tensor): Tensor;
    clip(this: Tensor, min: number, max: number): Tensor;
    cast<E extends DType>(dtype: E): Tensor<E>;

    sum(options?: ReduceOptions): Tensor<SumDType<D>>;
    mean(options?: ReduceOptions): Tensor;
    max(options?: ReduceOptions): Tensor<D>;
    min(options?: ReduceOptions): Tensor<D>;
    argMax(axis?: number): Tensor<'i32'>;
    argMin(axis?: number): Tensor<'i32'>;

    matmul(this: Tensor, b: Tensor, options?: MatmulOptions): Tensor;

    reshape(shape: Shape): Tensor<D>;
    squeeze(axes?: number | readonly number[]): Tensor<D>;
    unsqueeze(axis: number): Tensor<D>;
    transpose(permutation?: readonly number[]): Tensor<D>;
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
