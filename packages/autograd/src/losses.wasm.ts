import type { Tensor } from '@mobinet/tensor';
import {
  exp,
  type F32x4,
  f32,
  f32x4,
  floatsAt,
  forRange,
  type I32,
  i32,
  i32x4,
  Kernel,
  store,
  storeLane,
  when,
  withTemporary,
} from '@mobinet/tensor/kernels';

/** The softmax of each row, and the logarithm of what it was divided by. */
export function softmaxRows(logits: Tensor, probabilities: Tensor): Float64Array {
  const [rows, classes] = logits.shape;
  return withTemporary(4 * 2 * rows, (statistics) => {
    largestAndSumKernel.run({ logits, statistics, classes }, rows);
    const values = floatsAt(statistics, 2 * rows);
    const logSums = Float64Array.from({ length: rows }, (_, row) => values[2 * row] + Math.log(values[2 * row + 1]));
    for (let row = 0; row < rows; row++) values[row] = logSums[row];
    probabilitiesKernel.run({ logits, logSums: statistics, probabilities, classes }, rows);
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
  { logits: i32, statistics: i32, classes: i32 },
  ({ logits, statistics, classes }, from, to) => {
    forRange(from, to, 1, (item) => {
      const row = i32.variable(logits.add(item.mul(classes).mul(4)), 'row');
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

const probabilitiesKernel = new Kernel(
  'f32_softmax',
  { logits: i32, logSums: i32, probabilities: i32, classes: i32 },
  ({ logits, logSums, probabilities, classes }, from, to) => {
    const target = i32.variable(probabilities.add(from.mul(classes).mul(4)), 'target');
    forRange(from, to, 1, (item) => {
      const row = i32.variable(logits.add(item.mul(classes).mul(4)), 'row');
      const logSum = f32x4.variable(f32x4.loadSplat(logSums.add(item.mul(4))), 'logSum');
      const rest = i32.variable(classes.and(3), 'rest');
      const left = i32.variable(classes, 'left');
      forEachFour(classes, row, 0, (value) => {
        const probability = f32x4.variable(exp(value.sub(logSum)), 'probability');
        when(
          left.geS(4),
          () => store(target, probability),
          () => {
            for (const lane of [0, 1, 2]) when(rest.gtS(lane), () => storeLane(target, probability, lane, 4 * lane));
          },
        );
        const done = left.min(i32.const(4));
        target.set(target.add(done.mul(4)));
        left.set(left.sub(4));
      });
    });
  },
);
