import { withTemporary } from '../../backends/cpu/heap.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { floatsAt } from '../../backends/cpu/memory.js';
import { memoize } from '../../backends/memoize.js';
import type { Tensor } from '../../tensor.js';
import {
  exp,
  type F32x4,
  f32,
  f32x4,
  fillRest,
  forEachFour,
  forRange,
  type I32,
  i32,
  type Rest,
  store,
  storeFour,
  sumOfFour,
} from '../../wasm/assembler.js';

/**
 * Computes the softmax of each row of x [..., classes], or its logarithm, into y of the same shape.
 *
 * @returns ln Σ eˣ of each row.
 *
 * @example
 * ```ts
 * import { tensor, zeros } from '@mobinet/tensor';
 * import { softmaxRows } from '@mobinet/tensor/kernels';
 *
 * const [x, y] = [tensor([[0, 0], [Math.log(3), 0]]), zeros([2, 2])];
 * const [first] = softmaxRows(x, y);
 * console.log(`ln 2 = ${first.toFixed(4)}; ${y}`);
 * // → ln 2 = 0.6931; Tensor<f32> [2, 2]
 * // → [[0.5000, 0.5000],
 * // →  [0.7500, 0.2500]]
 * ```
 */
export function softmaxRows(x: Tensor, y: Tensor, kind: 'softmax' | 'logSoftmax' = 'softmax'): Float64Array {
  const classes = x.shape[x.rank - 1];
  const rows = x.size / classes;
  return withTemporary(4 * 2 * rows, (statistics) => {
    const grain = Math.ceil(20_000 / (2 * classes));
    largestAndSumKernel.run({ x, statistics, classes }, rows, { grain });
    const values = floatsAt(statistics, 2 * rows);
    const logSums = new Float64Array(rows);
    for (let row = 0; row < rows; row++) {
      const [largest, sum] = [values[2 * row], values[2 * row + 1]];
      logSums[row] = largest + Math.log(sum);
      values[2 * row + 1] = kind === 'softmax' ? 1 / sum : Math.log(sum);
    }
    resultKernel(kind).run({ x, statistics, y, classes }, rows, { grain });
    return logSums;
  });
}

const largestAndSumKernel = new Kernel(
  'f32_softmax_statistics',
  { x: i32, statistics: i32, classes: i32 },
  ({ x, statistics, classes }, from, to) => {
    forRange(from, to, 1, (item) => {
      const row = i32.variable(x.add(item.mul(classes).mul(4)), 'row');
      const largest = f32x4.variable(Number.NEGATIVE_INFINITY, 'largest');
      const values = (offset: I32, rest: Rest): F32x4 =>
        f32x4.variable(fillRest(f32x4.load(row.add(offset)), rest, Number.NEGATIVE_INFINITY), 'values');
      forEachFour(classes, (offset, rest) => largest.set(largest.max(values(offset, rest))));
      const [a, b, c, d] = [0, 1, 2, 3].map((lane) => largest.lane(lane));
      const maximum = f32.variable(a.max(b).max(c.max(d)), 'maximum');
      const sum = f32x4.variable(0, 'sum');
      const shift = f32x4.variable(f32x4.splat(maximum), 'shift');
      forEachFour(classes, (offset, rest) => sum.set(sum.add(exp(values(offset, rest).sub(shift)))));
      const target = i32.variable(statistics.add(item.mul(8)), 'target');
      store(target, maximum);
      store(target, sumOfFour(sum), 4);
    });
  },
);

const resultKernel = memoize(
  (kind: 'softmax' | 'logSoftmax') =>
    new Kernel(
      `f32_${kind}`,
      { x: i32, statistics: i32, y: i32, classes: i32 },
      ({ x, statistics, y, classes }, from, to) => {
        const target = i32.variable(y.add(from.mul(classes).mul(4)), 'target');
        forRange(from, to, 1, (item) => {
          const row = i32.variable(x.add(item.mul(classes).mul(4)), 'row');
          const statistic = i32.variable(statistics.add(item.mul(8)), 'statistic');
          const largest = f32x4.variable(f32x4.loadSplat(statistic), 'largest');
          /** 1 / Σ of the exponentials for `softmax`, ln Σ for `logSoftmax`. */
          const scaleOrShift = f32x4.variable(f32x4.loadSplat(statistic, 4), 'scaleOrShift');
          forEachFour(classes, (offset, rest) => {
            const shifted = f32x4.load(row.add(offset)).sub(largest);
            const result = kind === 'softmax' ? exp(shifted).mul(scaleOrShift) : shifted.sub(scaleOrShift);
            storeFour(target.add(offset), f32x4.variable(result, 'result'), rest);
          });
          target.set(target.add(classes.mul(4)));
        });
      },
    ),
);
