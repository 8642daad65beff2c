import type { Tensor } from '@mobinet/tensor/functions';
import { type F32x4, f32x4, forRange, i32, Kernel, memoize, store } from '@mobinet/tensor/kernels';
import { TreeSum } from './tree-sum.js';

/** Elements per chunk of a thread. */
const grain = 16_384;

/** The kernel of `orderedSum`: reads each row once, and writes the sum once. */
export function orderedSumKernel(rows: Tensor, sum: Tensor, present: readonly boolean[]): void {
  const pattern = present.map(Number).join('');
  kernelFor(pattern).run({ rows, sum, stride: 4 * sum.size }, sum.size / 4, { grain: grain / 4 });
}

/** The tree is unrolled when the kernel is assembled. */
const kernelFor = memoize(
  (pattern: string) =>
    new Kernel(
      `f32_ordered_sum_${pattern}`,
      { rows: i32, sum: i32, stride: i32 },
      ({ rows, sum, stride }, from, to) => {
        forRange(from, to, 1, (four) => {
          const offset = i32.variable(four.shl(4), 'offset');
          const tree = new TreeSum<F32x4>((left, right) => left.add(right));
          for (const [rank, isPresent] of [...pattern].entries()) {
            tree.push(isPresent === '1' ? f32x4.load(rows.add(stride.mul(rank)).add(offset)) : null);
          }
          store(sum.add(offset), tree.take() ?? f32x4.const(0));
        });
      },
    ),
);
