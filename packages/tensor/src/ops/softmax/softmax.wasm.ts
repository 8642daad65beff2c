import { withTemporary } from '../../backends/cpu/heap.js';
import { Kernel, kernelFamily } from '../../backends/cpu/kernel.js';
import { floatsAt } from '../../backends/cpu/memory.js';
import type { Tensor } from '../../tensor.js';
import {
  exp,
  type F32x4,
  f32,
  f32x4,
  forRange,
  type I32,
  i32,
  i32x4,
  store,
  storeLane,
  when,
} from '../../wasm/assembler.js';

/**
 * The softmax of each row of x [..., classes], or its logarithm.
 * @returns ln Σ eˣ of each row.
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

/** Statements for the elements of a row, four at a time; lanes beyond its end count as `filler`. */
function forEachFour(length: I32, row: I32, filler: number, body: (value: F32x4) => void): void {
  const whole = i32.variable(length.and(-4).mul(4), 'whole');
  forRange(0, whole, 16, (offset) => body(f32x4.variable(f32x4.load(row.add(offset)))));
  const rest = i32.variable(length.and(3), 'rest');
  when(rest, () => {
    const isThere = i32x4.splat(rest).gtS(i32x4.const(0, 1, 2, 3));
    body(f32x4.variable(f32x4.load(row.add(whole)).where(isThere, f32x4.const(filler))));
  });
}

const largestAndSumKernel = new Kernel(
  'f32_softmax_statistics',
  { x: i32, statistics: i32, classes: i32 },
  ({ x, statistics, classes }, from, to) => {
    forRange(from, to, 1, (item) => {
      const row = i32.variable(x.add(item.mul(classes).mul(4)), 'row');
      const largest = f32x4.variable(Number.NEGATIVE_INFINITY, 'largest');
      forEachFour(classes, row, Number.NEGATIVE_INFINITY, (value) => largest.set(largest.max(value)));
      const most = f32.variable(
        largest
          .lane(0)
          .max(largest.lane(1))
          .max(largest.lane(2).max(largest.lane(3))),
        'most',
      );
      const sum = f32x4.variable(0, 'sum');
      const shift = f32x4.variable(f32x4.splat(most), 'shift');
      forEachFour(classes, row, Number.NEGATIVE_INFINITY, (value) => sum.set(sum.add(exp(value.sub(shift)))));
      const target = i32.variable(statistics.add(item.mul(8)), 'target');
      store(target, most);
      store(
        target,
        sum
          .lane(0)
          .add(sum.lane(1))
          .add(sum.lane(2).add(sum.lane(3))),
        4,
      );
    });
  },
);

const resultKernel = kernelFamily(
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
          /** 1 / Σ of the exponentials, or ln Σ. */
          const ofSum = f32x4.variable(f32x4.loadSplat(statistic, 4), 'ofSum');
          const left = i32.variable(classes, 'left');
          forEachFour(classes, row, 0, (value) => {
            const shifted = value.sub(largest);
            const result = f32x4.variable(kind === 'softmax' ? exp(shifted).mul(ofSum) : shifted.sub(ofSum), 'result');
            when(
              left.geS(4),
              () => store(target, result),
              () => {
                for (const lane of [0, 1, 2]) when(left.gtS(lane), () => storeLane(target, result, lane, 4 * lane));
              },
            );
            target.set(target.add(left.min(i32.const(4)).mul(4)));
            left.set(left.sub(4));
          });
        });
      },
    ),
);
