import { checkTensor } from '../../check.js';
import { normalizeAxis } from '../../check-shape.js';
import { type DType, dtypes } from '../../dtype.js';
import { apply, defineOp } from '../../op.js';
import type { Shape } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { add, mul } from '../elementwise/binary.js';
import { sameShapeAsInput } from '../elementwise/elementwise.js';
import { forEachLine } from '../lines.js';
import { type SumDType, sumDTypeOf } from './sum.js';

/** The direction of a scan. */
interface Direction {
  readonly axis: number;
  /** Whether it runs from the end of the axis to its start. */
  readonly reverse: boolean;
}

/**
 * Sums along an axis from its start up to each element: y[i] = x[0] + … + x[i], in double precision. Sums of u8 and i16
 * are i32, since they would soon overflow.
 *
 * @param x Of any shape, except a scalar.
 * @param axis Default: the last one. (NumPy's default is to flatten x, PyTorch has none.)
 * @returns The shape of x.
 * @throws ShapeError if the axis is out of range, as any is for a scalar.
 *
 * @example
 * ```ts
 * import { cumsum, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([[1, 2, 3], [4, 5, 6]]);
 * console.log(`${cumsum(x).values}; down the columns ${cumsum(x, 0).values}`);
 * // → 1,3,6,4,9,15; down the columns 1,2,3,5,7,9
 * ```
 */
export function cumsum<D extends DType>(x: Tensor<D>, axis = -1): Tensor<SumDType<D>> {
  checkTensor('cumsum', x);
  return cumulativeSum(x, { axis: normalizeAxis('cumsum', axis, x.rank), reverse: false });
}

/** `cumsum` in either direction. */
function cumulativeSum<D extends DType>(x: Tensor<D>, direction: Direction): Tensor<SumDType<D>> {
  return apply(cumsumOp, [x], direction)[0] as Tensor<DType> as Tensor<SumDType<D>>;
}

const cumsumOp = defineOp<[Tensor<DType>], [Tensor<DType>], Direction>({
  name: 'cumsum',
  accepts: [dtypes],
  outputs: ([x]) => [{ dtype: sumDTypeOf(x.dtype), shape: x.shape }],
  reference([{ values: x, shape }], [{ values: y }], direction) {
    forEachScan(shape, direction, (at, step, count) => {
      let sum = 0;
      for (let i = 0; i < count; i++, at += step) {
        sum += x[at];
        y[at] = sum;
      }
    });
  },
  // x[i] is a term of y[i] and of all later sums, so its gradient sums those of y from the end.
  gradient: (dy, { attributes: { axis, reverse } }) => [() => cumulativeSum(dy, { axis, reverse: !reverse })],
});

/**
 * Multiplies along an axis from its start up to each element: y[i] = x[0] · … · x[i], in double precision. Products of
 * u8 and i16 are i32, as in `prod`. The gradient is right also where some elements are 0.
 *
 * @param x Of any shape, except a scalar.
 * @param axis Default: the last one. (NumPy's default is to flatten x, PyTorch has none.)
 * @returns The shape of x.
 * @throws ShapeError if the axis is out of range, as any is for a scalar.
 *
 * @example
 * ```ts
 * import { cumprod, full } from '@mobinet/tensor';
 *
 * console.log(`${cumprod(full([4], 0.5)).values}`); // what is left after each of four half-lives
 * // → 0.5,0.25,0.125,0.0625
 * ```
 */
export function cumprod<D extends DType>(x: Tensor<D>, axis = -1): Tensor<SumDType<D>> {
  checkTensor('cumprod', x);
  return cumulativeProduct(x, { axis: normalizeAxis('cumprod', axis, x.rank), reverse: false, exclusive: false });
}

/** How `cumulativeProduct` runs. */
interface ProductScan extends Direction {
  /** Whether y[i] leaves out x[i] itself, so that y[0] = 1. */
  readonly exclusive: boolean;
}

/** `cumprod` in either direction, with or without the element itself. */
export function cumulativeProduct<D extends DType>(x: Tensor<D>, scan: ProductScan): Tensor<SumDType<D>> {
  return apply(cumprodOp, [x], scan)[0] as Tensor<DType> as Tensor<SumDType<D>>;
}

const cumprodOp = defineOp<[Tensor<DType>], [Tensor<DType>], ProductScan, [Tensor]>({
  name: 'cumprod',
  accepts: [dtypes],
  outputs: ([x]) => [{ dtype: sumDTypeOf(x.dtype), shape: x.shape }],
  reference([{ dtype, values: x, shape }], [{ values: y }], scan) {
    const times = dtype === 'f32' ? (a: number, b: number) => a * b : Math.imul;
    forEachScan(shape, scan, (at, step, count) => {
      let product = 1;
      for (let i = 0; i < count; i++, at += step) {
        const previous = product;
        product = times(product, x[at]);
        y[at] = scan.exclusive ? previous : product;
      }
    });
  },
  saves: ([x]) => [x as Tensor],
  // x[k] is a factor of all products from y[k] on: dx[k] = (Π before k)·S[k], where S[k] sums dy[i]·(Π from k + 1 to i)
  // over i ≥ k. From one k to the next, S[k] = dy[k] + x[k + 1]·S[k + 1]: nothing is divided by an x that may be 0. The
  // second term of S is a linear recurrence of its own. If y[i] leaves out x[i], S[k] = dy[k + 1] + x[k + 1]·S[k + 1].
  gradient: (dy, { saved: [x], attributes: { axis, reverse, exclusive } }) => [
    () => {
      const back = { axis, reverse: !reverse };
      const sums = exclusive ? linearRecurrence(x, dy, back) : add(dy, linearRecurrence(x, mul(x, dy), back));
      return mul(cumulativeProduct(x, { axis, reverse, exclusive: true }), sums);
    },
  ],
});

/** Computes y[0] = 0 and y[i + 1] = a[i]·y[i] + b[i] along an axis. The last elements of a and b do not matter. */
function linearRecurrence(a: Tensor, b: Tensor, direction: Direction): Tensor {
  return apply(linearRecurrenceOp, [a, b], direction)[0];
}

const linearRecurrenceOp = defineOp<[Tensor, Tensor], [Tensor], Direction, [Tensor, Tensor]>({
  name: 'linearRecurrence',
  outputs: sameShapeAsInput,
  reference([{ values: a, shape }, { values: b }], [{ values: y }], direction) {
    forEachScan(shape, direction, (at, step, count) => {
      let next = 0;
      for (let i = 0; i < count; i++, at += step) {
        y[at] = next;
        next = a[at] * next + b[at];
      }
    });
  },
  saves: ([a], [y]) => [a, y],
  // b[i] contributes to y[i + 1], and from there on as y[i + 1] itself does, so db is the same recurrence from the end.
  gradient(dy, { saved: [a, y], attributes: { axis, reverse } }) {
    const db = () => linearRecurrence(a, dy, { axis, reverse: !reverse });
    return [() => mul(db(), y), db];
  },
});

/** Visits each line along the axis: the position of its first element in the direction, and the step to the next. */
function forEachScan(
  shape: Shape,
  { axis, reverse }: Direction,
  visit: (first: number, step: number, count: number) => void,
): void {
  const count = shape[axis];
  forEachLine(shape, axis, (from, _, stride) => {
    if (reverse) visit(from + (count - 1) * stride, -stride, count);
    else visit(from, stride, count);
  });
}
