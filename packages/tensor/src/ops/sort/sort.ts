import { checkChoice, checkOptions, checkTensor } from '../../check.js';
import { normalizeAxis } from '../../check-shape.js';
import { type DType, dtypes } from '../../dtype.js';
import { apply, defineOp } from '../../op.js';
import { tidy } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { forEachLine } from '../lines.js';
import { gather } from '../shape/gather.js';
import { reshape } from '../shape/reshape.js';

/** Options of `sort` and `argsort`. */
export interface SortOptions {
  /** The axis along which to sort. Default: the last one. */
  axis?: number;
  /** Whether the largest element comes first. Default false. */
  descending?: boolean;
}

/**
 * Sorts x along an axis. As in PyTorch and NumPy, NaN counts as larger than all numbers. The gradient of each element
 * goes back to where it came from. For the indices, see `argsort` (PyTorch's `sort` returns both).
 *
 * @param x Of any shape, except a scalar.
 * @returns The shape and dtype of x.
 * @throws ShapeError if the axis is out of range, as any is for a scalar.
 *
 * @example
 * ```ts
 * import { sort, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([3, Number.NaN, 1, 2]);
 * console.log(`${sort(x).values}; ${sort(x, { descending: true }).values}`);
 * // → 1,2,3,NaN; NaN,3,2,1
 * ```
 */
export function sort<D extends DType>(x: Tensor<D>, options: SortOptions = {}): Tensor<D> {
  return tidy(() => reshape(pick(x, orderOf('sort', x, options).positions), x.shape));
}

/**
 * Finds the indices along an axis that would sort x: the first one is that of the smallest element. Equal elements keep
 * their order, in both directions: the sort is stable. NaN counts as larger than all numbers.
 *
 * @param x Of any shape, except a scalar.
 * @returns i32, the shape of x.
 * @throws ShapeError if the axis is out of range, as any is for a scalar.
 *
 * @example
 * ```ts
 * import { argsort, gather, tensor } from '@mobinet/tensor';
 *
 * const [lengths, words] = [tensor([5, 2, 4]), tensor([50, 20, 40])];
 * const order = argsort(lengths, { descending: true });
 * console.log(`${order.values}: ${gather(words, order).values}`);
 * // → 0,2,1: 50,40,20
 * ```
 */
export function argsort(x: Tensor<DType>, options: SortOptions = {}): Tensor<'i32'> {
  return tidy(() => orderOf('argsort', x, options).indices);
}

/** The order of the elements along an axis, both of the shape of x. */
interface Order {
  /** Indices along the axis. */
  readonly indices: Tensor<'i32'>;
  /** Positions among all elements of x. */
  readonly positions: Tensor<'i32'>;
}

/** Checks the arguments of `sort` or `argsort`, and sorts. */
function orderOf(op: string, x: Tensor<DType>, options: SortOptions): Order {
  checkTensor(op, x, 'x', dtypes);
  checkOptions(op, options, ['axis', 'descending']);
  const { axis = -1, descending = false } = options;
  checkChoice(`${op}: descending`, descending, [true, false]);
  return orderAlong(x, normalizeAxis(op, axis, x.rank), descending);
}

/** Sorts x along an axis, which must not be negative. */
export function orderAlong(x: Tensor<DType>, axis: number, descending: boolean): Order {
  const [indices, positions] = apply(argsortOp, [x], { axis, descending });
  return { indices, positions };
}

/** Returns the elements at these positions of the whole of x. The gradient goes back to them. */
export function pick<D extends DType>(x: Tensor<D>, positions: Tensor<'i32'>): Tensor<D> {
  return gather(reshape(x, [x.size]), positions);
}

const argsortOp = defineOp<[Tensor<DType>], [Tensor<'i32'>, Tensor<'i32'>], Required<SortOptions>>({
  name: 'argsort',
  accepts: [dtypes],
  outputs: ([{ shape }]) => [
    { dtype: 'i32', shape },
    { dtype: 'i32', shape },
  ],
  reference([{ values: x, shape }], [{ values: indices }, { values: positions }], { axis, descending }) {
    // Arrays are sorted in a stable way.
    const line = new Int32Array(shape[axis]);
    forEachLine(shape, axis, (from, end, stride) => {
      for (let i = 0; i < line.length; i++) line[i] = from + i * stride;
      line.sort((a, b) => (descending ? compare(x[b], x[a]) : compare(x[a], x[b])));
      for (let at = from, i = 0; at < end; at += stride, i++) {
        positions[at] = line[i];
        indices[at] = (line[i] - from) / stride;
      }
    });
  },
});

/** Negative if a is smaller than b. NaN is larger than all numbers, and equal to NaN. */
export function compare(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
}
