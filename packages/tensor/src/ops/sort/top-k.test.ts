import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { tensor, zeros } from '../../create.js';
import type { Tensor } from '../../tensor.js';
import { checkOp } from '../../testing/index.js';
import { distinct, groups, reductions } from '../reduce/reduce.test.helper.js';
import { argsort, sort } from './sort.js';
import { topK } from './top-k.js';

describe('topK', () => {
  const inputs = reductions
    .filter(({ x }) => x.rank > 0)
    .chain(({ x }) =>
      fc.nat({ max: x.rank - 1 }).chain((axis) =>
        fc.record({
          x: fc.constant(x),
          axis: fc.constant(axis),
          k: fc.nat({ max: x.shape[axis] }),
          largest: fc.boolean(),
        }),
      ),
    );

  test.prop([inputs], { numRuns: 60 })('is the start of the sorted lines', ({ x, k, axis, largest }) => {
    const { values, indices } = topK(x, k, { axis: axis - x.rank, largest });
    expect(values.shape).toEqual(x.shape.with(axis, k));
    expect(indices.shape).toEqual(values.shape);
    if (k === 0) return;
    const options = { axis, descending: largest };
    const start = (whole: Tensor<'f32' | 'i32'>) => groups(whole, [axis]).map((line) => line.slice(0, k));
    expect(groups(values, [axis])).toEqual(start(sort(x, options)));
    expect(groups(indices, [axis])).toEqual(start(argsort(x, options)));
  });

  test.prop([distinct([3, 4]), fc.integer({ min: 1, max: 3 }), fc.boolean()], { numRuns: 20 })(
    'obeys the laws of ops',
    (x, k, largest) => {
      for (const axis of [0, 1]) {
        checkOp((x: Tensor) => topK(x, k, { axis, largest }).values, [x]);
        checkOp((x: Tensor) => topK(x, k, { axis, largest }).indices, [x], { gradient: false });
      }
    },
  );

  test('counts NaN as the largest, and takes the first of ties', () => {
    const x = tensor([1, Number.NaN, 3, 3, Number.NEGATIVE_INFINITY]);
    expect([...topK(x, 3).indices.values]).toEqual([1, 2, 3]);
    expect([...topK(x, 2, { largest: false }).indices.values]).toEqual([4, 0]);
  });

  test('explains wrong arguments', () => {
    expect(() => topK(zeros([2, 3]), 4)).toThrow('topK: axis 1 has 3 elements, not 4');
    expect(() => topK(zeros([2]), 1, { axis: 1 })).toThrow('topK: axis 1 is out of range for a tensor of rank 1');
    for (const k of [-1, 1.5, undefined as never]) {
      expect(() => topK(zeros([2]), k)).toThrow('topK: k must be a whole number of at least 0');
    }
    expect(() => topK(zeros([2]), 1, { sorted: false } as never)).toThrow('topK has no option "sorted"');
    expect(() => topK(zeros([2]), 1, { largest: 0 as never })).toThrow('topK: largest must be one of true, false');
  });
});
