import { AbsentBlock } from '../../absent.js';
import { withBackend } from '../../backend.js';
import { checkTensor } from '../../check.js';
import { tensor } from '../../create.js';
import { type DType, dtypes } from '../../dtype.js';
import { MissingKernelError, TraceError } from '../../errors.js';
import { tidy } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { reshape } from '../shape/reshape.js';
import { compare, orderAlong, pick } from './sort.js';

/** What `unique` returns. */
export interface UniqueResult<D extends DType = DType> {
  /** The n distinct elements in ascending order: [n]. */
  readonly values: Tensor<D>;
  /** For each element of x, its index in `values`: the shape of x, so that `gather(values, inverse)` equals x. */
  readonly inverse: Tensor<'i32'>;
  /** How often each of `values` occurs in x: [n]. */
  readonly counts: Tensor<'i32'>;
}

/**
 * Finds the distinct elements of x. NaN counts as one value, as in NumPy (PyTorch lists every NaN), and as larger than
 * all numbers. The gradient of a value goes back to its first occurrence.
 *
 * The number of results depends on the elements, which no shape rule knows: so `unique` cannot be part of a program, and
 * does not run on a GPU.
 *
 * @throws TraceError in a traced function or in `withoutMemory`, for an x without elements.
 * @throws BackendError if x is on a GPU.
 *
 * @example
 * ```ts
 * import { tensor, unique } from '@mobinet/tensor';
 *
 * const { values, inverse, counts } = unique(tensor([30, 10, 30, 20]));
 * console.log(`${values.values} occur ${counts.values} times; x is values[${inverse.values}]`);
 * // → 10,20,30 occur 1,1,2 times; x is values[2,0,2,1]
 * ```
 */
export function unique<D extends DType>(x: Tensor<D>): UniqueResult<D> {
  checkTensor('unique', x, 'x', dtypes);
  if (x.block instanceof AbsentBlock) {
    throw new TraceError(
      'unique: the number of distinct elements is unknown without the elements, which a tensor does not have in a ' +
        'traced function or in withoutMemory. Call unique outside of them.',
    );
  }
  if (x.backend !== 'cpu') throw new MissingKernelError('unique');
  return tidy(() => {
    const { values: elements } = x;
    const { values: order } = orderAlong(reshape(x, [x.size]), 0, false).positions;
    const inverse = new Int32Array(x.size);
    const firsts: number[] = [];
    const counts: number[] = [];
    for (let rank = 0; rank < order.length; rank++) {
      const at = order[rank];
      if (rank === 0 || compare(elements[at], elements[order[rank - 1]]) !== 0) {
        firsts.push(at);
        counts.push(0);
      }
      counts[counts.length - 1]++;
      inverse[at] = counts.length - 1;
    }
    const integers = (values: readonly number[] | Int32Array) => tensor(Int32Array.from(values));
    return withBackend('cpu', () => ({
      values: pick(x, integers(firsts)),
      inverse: reshape(integers(inverse), x.shape),
      counts: integers(counts),
    }));
  });
}
