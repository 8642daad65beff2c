import { applyInto, defineOp, type Tensor } from '@mobinet/tensor/functions';
import { orderedSumKernel } from './ordered-sum.wasm.js';
import { TreeSum } from './tree-sum.js';

/**
 * Adds the vectors of all ranks, element by element, in the order of a binary tree (`TreeSum`). Together with the sums
 * that each rank makes of its own micro-batches, this is one tree over all micro-batches. For four ranks with two each,
 *
 *     rank 0          rank 1          rank 2          rank 3
 *     (g₀ + g₁)   +   (g₂ + g₃)       (g₄ + g₅)   +   (g₆ + g₇)      each rank adds its own two
 *           (g₀ … g₃)         +             (g₄ … g₇)                this function adds the rest
 *
 * which is what a single process computes for eight. So the sum has the same bits on 1, 2, 4 and 8 ranks. The reductions
 * of MPI promise no order, so they are not used.
 *
 * @param rows The vectors, f32 [ranks, length], where length is a multiple of 4.
 * @param sum Receives the sum, [length].
 * @param present Whether each rank has a vector. Rows of others are not read: adding 0 would turn −0 into 0.
 */
export function orderedSum(rows: Tensor, sum: Tensor, present: readonly boolean[]): void {
  applyInto(orderedSumOp, [rows], [sum], present);
}

/** The sum of single numbers in the same order, rounded to f32 like that of vectors. Null stands for no number. */
export function orderedSumOf(values: readonly (number | null)[]): number {
  const tree = new TreeSum<number>((left, right) => Math.fround(left + right));
  for (const value of values) tree.push(value);
  return tree.take() ?? 0;
}

const orderedSumOp = defineOp<[Tensor], [Tensor], readonly boolean[]>({
  name: 'orderedSum',
  outputs: ([{ shape }]) => [{ dtype: 'f32', shape: [shape[1]] }],
  reference([{ values: rows }], [{ values: sum }], present) {
    for (let i = 0; i < sum.length; i++) {
      sum[i] = orderedSumOf(present.map((isPresent, rank) => (isPresent ? rows[rank * sum.length + i] : null)));
    }
  },
  fast: ([rows], [sum], present) => orderedSumKernel(rows, sum, present),
});
