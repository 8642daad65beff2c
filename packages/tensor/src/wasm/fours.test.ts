import { describe, expect, test } from 'vitest';
import { withTemporary } from '../backends/cpu/heap.js';
import { Kernel } from '../backends/cpu/kernel.js';
import { floatsAt } from '../backends/cpu/memory.js';
import { f32x4, fillRest, forEachFour, i32, store, storeFour, sumOfFour } from './assembler.js';

/** y = 2·x for `count` numbers. The results are their sum and their maximum, with different fillers. */
const kernel = new Kernel(
  'test_fours',
  { x: i32, y: i32, count: i32, results: i32 },
  ({ x, y, count, results }, _from, _to) => {
    const [sum, largest] = [f32x4.variable(0, 'sum'), f32x4.variable(Number.NEGATIVE_INFINITY, 'largest')];
    forEachFour(count, (offset, rest) => {
      const four = f32x4.variable(f32x4.load(x.add(offset)), 'four');
      storeFour(y.add(offset), f32x4.variable(four.add(four), 'twice'), rest);
      sum.set(sum.add(fillRest(four, rest)));
      largest.set(largest.max(fillRest(four, rest, Number.NEGATIVE_INFINITY)));
    });
    const lanes = [0, 1, 2, 3].map((lane) => largest.lane(lane));
    store(results, sumOfFour(sum));
    store(
      results,
      lanes.reduce((a, b) => a.max(b)),
      4,
    );
  },
);

describe('rows processed four numbers at a time', () => {
  test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 16, 18])(
    '%i numbers are read and written, and none beyond them',
    (count) => {
      withTemporary(4 * 80, (memory) => {
        const [x, y, results] = [memory, memory + 4 * 32, memory + 4 * 64];
        const values = Array.from({ length: count }, (_, at) => -1 - ((7 * at) % 5));
        // The memory after the row is NaN, which would spread if it were used.
        floatsAt(x, 32).fill(Number.NaN).set(values);
        floatsAt(y, 32).fill(0.5);
        kernel.run({ x, y, count, results }, 1);
        const expected = new Array<number>(32).fill(0.5);
        values.forEach((value, at) => {
          expected[at] = 2 * value;
        });
        expect([...floatsAt(y, 32)]).toEqual(expected);
        expect([...floatsAt(results, 2)]).toEqual([values.reduce((a, b) => a + b, 0), Math.max(...values)]);
      });
    },
  );
});
