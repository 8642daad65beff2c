import { shown } from './check.js';
import type { DType } from './dtype.js';
import { withHelp } from './help.js';
import { clip, leakyRelu, relu, sigmoid, tanh } from './ops/elementwise/activation.js';
import { add, div, maximum, minimum, mod, mul, pow, sub } from './ops/elementwise/binary.js';
import { cast } from './ops/elementwise/cast.js';
import { equal, greater, greaterEqual, less, lessEqual, notEqual } from './ops/elementwise/compare.js';
import { isFinite as isFiniteOp, isNaN as isNaNOp } from './ops/elementwise/predicates.js';
import { ceil, floor, round } from './ops/elementwise/rounding.js';
import { cos, sin } from './ops/elementwise/trigonometric.js';
import { abs, exp, log, neg, sqrt, square } from './ops/elementwise/unary.js';
import { type MatmulOptions, matmul } from './ops/matmul/matmul.js';
import { cumsum } from './ops/reduce/cumulative.js';
import { std } from './ops/reduce/deviation.js';
import { argMax, argMin, max, min } from './ops/reduce/extreme.js';
import { all, any } from './ops/reduce/logical.js';
import { mean, type VarianceOptions, variance } from './ops/reduce/mean.js';
import { type NormOptions, norm } from './ops/reduce/norm.js';
import { prod } from './ops/reduce/product.js';
import type { ReduceOptions } from './ops/reduce/reduction.js';
import { type SumDType, sum } from './ops/reduce/sum.js';
import { broadcastTo, expand } from './ops/shape/broadcast-to.js';
import { flip } from './ops/shape/flip.js';
import { gather } from './ops/shape/gather.js';
import { reshape, squeeze, unsqueeze } from './ops/shape/reshape.js';
import { slice } from './ops/shape/slice.js';
import { split } from './ops/shape/split.js';
import { transpose } from './ops/shape/transpose.js';
import { logSoftmax, softmax } from './ops/softmax/softmax.js';
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
    /** `mod(this, b)`: the remainder, with the sign of b. */
    mod(b: Tensor<D> | number): Tensor<D>;

    /** `equal(this, b)`: 1 where this = b, else 0. */
    equal(b: Tensor<D> | number): Tensor<'u8'>;
    /** `notEqual(this, b)`: 1 where this ≠ b, else 0. */
    notEqual(b: Tensor<D> | number): Tensor<'u8'>;
    /** `less(this, b)`: 1 where this < b, else 0. */
    less(b: Tensor<D> | number): Tensor<'u8'>;
    /** `lessEqual(this, b)`: 1 where this ≤ b, else 0. */
    lessEqual(b: Tensor<D> | number): Tensor<'u8'>;
    /** `greater(this, b)`: 1 where this > b, else 0. */
    greater(b: Tensor<D> | number): Tensor<'u8'>;
    /** `greaterEqual(this, b)`: 1 where this ≥ b, else 0. */
    greaterEqual(b: Tensor<D> | number): Tensor<'u8'>;
    /** `isNaN(this)`: 1 where it is NaN, else 0. */
    isNaN(): Tensor<'u8'>;
    /** `isFinite(this)`: 1 where it is neither infinite nor NaN, else 0. */
    isFinite(): Tensor<'u8'>;

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
    /** `sin(this)`: the sine. */
    sin(this: Tensor): Tensor;
    /** `cos(this)`: the cosine. */
    cos(this: Tensor): Tensor;
    /** `floor(this)`: the next whole number below. */
    floor(this: Tensor): Tensor;
    /** `ceil(this)`: the next whole number above. */
    ceil(this: Tensor): Tensor;
    /** `round(this)`: the nearest whole number. */
    round(this: Tensor): Tensor;
    /** `clip(this, min, max)`: clamped to a range. */
    clip(this: Tensor, min?: number, max?: number): Tensor;
    /** `relu(this)`: max(x, 0). */
    relu(this: Tensor): Tensor;
    /** `leakyRelu(this, slope)`: x where it is positive, else slope · x. */
    leakyRelu(this: Tensor, slope?: number): Tensor;
    /** `sigmoid(this)`: 1 / (1 + e⁻ˣ). */
    sigmoid(this: Tensor): Tensor;
    /** `tanh(this)`: the hyperbolic tangent. */
    tanh(this: Tensor): Tensor;
    /** `softmax(this, axis)`: probabilities along an axis. */
    softmax(this: Tensor, axis?: number): Tensor;
    /** `logSoftmax(this, axis)`: their logarithms. */
    logSoftmax(this: Tensor, axis?: number): Tensor;
    /** `cast(this, dtype)`: converted to another dtype. */
    cast<E extends DType>(dtype: E): Tensor<E>;

    /** `sum(this, options)`: the sum over axes. */
    sum(options?: ReduceOptions): Tensor<SumDType<D>>;
    /** `mean(this, options)`: the mean over axes. */
    mean(options?: ReduceOptions): Tensor;
    /** `variance(this, options)`: the mean squared distance from the mean over axes. */
    variance(this: Tensor, options?: VarianceOptions): Tensor;
    /** `std(this, options)`: the standard deviation over axes. */
    std(this: Tensor, options?: VarianceOptions): Tensor;
    /** `norm(this, options)`: the length of the vectors over axes. */
    norm(this: Tensor, options?: NormOptions): Tensor;
    /** `prod(this, options)`: the product over axes. */
    prod(options?: ReduceOptions): Tensor<SumDType<D>>;
    /** `any(this, options)`: whether any element over axes is not 0. */
    any(options?: ReduceOptions): Tensor<'u8'>;
    /** `all(this, options)`: whether no element over axes is 0. */
    all(options?: ReduceOptions): Tensor<'u8'>;
    /** `cumsum(this, axis)`: sums of all elements up to each. */
    cumsum(axis?: number): Tensor<SumDType<D>>;
    /** `max(this, options)`: the largest element over axes. */
    max(options?: ReduceOptions): Tensor<D>;
    /** `min(this, options)`: the smallest element over axes. */
    min(options?: ReduceOptions): Tensor<D>;
    /** `argMax(this, axis)`: the index of the largest element along an axis. */
    argMax(axis?: number): Tensor<'i32'>;
    /** `argMin(this, axis)`: the index of the smallest element along an axis. */
    argMin(axis?: number): Tensor<'i32'>;

    /** `matmul(this, b, options)`: the matrix product. @param b f32 [..., K, N], or [..., N, K] with `transposeB`. */
    matmul(this: Tensor, b: Tensor, options?: MatmulOptions): Tensor;

    /** `reshape(this, shape)`: a view with another shape. */
    reshape(shape: Shape): Tensor<D>;
    /** `squeeze(this, axes)`: a view without axes of size 1. */
    squeeze(axes?: number | readonly number[]): Tensor<D>;
    /** `unsqueeze(this, axes)`: a view with more axes of size 1. */
    unsqueeze(axes: number | readonly number[]): Tensor<D>;
    /** `broadcastTo(this, shape)`: repeated to a shape. */
    broadcastTo(shape: Shape): Tensor<D>;
    /** `expand(this, shape)`: repeated to a shape, in which −1 keeps the size of an axis. */
    expand(shape: Shape): Tensor<D>;
    /** `flip(this, axes)`: the elements in reverse order along axes. */
    flip(axes?: number | readonly number[]): Tensor<D>;
    /** `gather(this, indices, axis)`: the parts at indices along an axis. */
    gather(indices: Tensor<'i32'>, axis?: number): Tensor<D>;
    /** `split(this, sizes, axis)`: parts along an axis. */
    split(sizes: number | readonly number[], axis?: number): Tensor<D>[];
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
  mod,
  equal,
  notEqual,
  less,
  lessEqual,
  greater,
  greaterEqual,
  neg,
  abs,
  exp,
  log,
  sqrt,
  square,
  sin,
  cos,
  floor,
  ceil,
  round,
  clip,
  cast,
  relu,
  leakyRelu,
  sigmoid,
  tanh,
  softmax,
  logSoftmax,
  sum,
  mean,
  variance,
  std,
  norm,
  prod,
  any,
  all,
  cumsum,
  max,
  min,
  argMax,
  argMin,
  matmul,
  reshape,
  squeeze,
  unsqueeze,
  broadcastTo,
  expand,
  flip,
  gather,
  split,
  transpose,
  slice,
  isNaN: isNaNOp,
  isFinite: isFiniteOp,
};

for (const [name, f] of Object.entries(functions) as [string, TensorFunction][]) {
  Object.defineProperty(Tensor.prototype, name, {
    value(this: Tensor<DType>, ...rest: unknown[]) {
      return f(this, ...rest);
    },
  });
}

// Operators such as `a * b` would compute with NaN, since a tensor is not a number.
Object.defineProperty(Tensor.prototype, Symbol.toPrimitive, {
  value(this: Tensor<DType>, hint: string) {
    if (hint !== 'number') return this.toString();
    const problem = `${shown(this)} is not a number. Use mul(a, b) and the like, or await x.item().`;
    throw new TypeError(withHelp(problem, 'operators'));
  },
});
