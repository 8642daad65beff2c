import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { tensor, zeros } from '../../create.js';
import type { Tensor } from '../../tensor.js';
import { checkOp } from '../../testing/index.js';
import { at, build, counted, expectSame, floats } from '../shape/oracle.test.helper.js';
import { diag } from './diagonal.js';

const offsets = fc.integer({ min: -6, max: 6 });

describe('diag', () => {
  test.prop([counted({ minRank: 1, maxRank: 1 }), offsets], { numRuns: 40 })('makes a matrix', (x, offset) => {
    const size = x.size + Math.abs(offset);
    const expected = build(x.dtype, [size, size], ([i, j]) => (j - i === offset ? x.values[offset >= 0 ? i : j] : 0));
    expectSame(diag(x, { offset }), expected);
  });

  test.prop([counted({ minRank: 2, maxRank: 2 }), offsets], { numRuns: 60 })('takes a diagonal', (x, offset) => {
    const [rows, columns] = x.shape;
    const places = [...new Array(rows).keys()].filter((i) => i + offset >= 0 && i + offset < columns);
    const expected = build(x.dtype, [places.length], ([place]) => at(x, [places[place], places[place] + offset]));
    expectSame(diag(x, { offset }), expected);
  });

  test.prop([floats({ minRank: 1, maxRank: 2, maxSize: 4 }), offsets], { numRuns: 40 })(
    'obeys the laws of ops',
    (x, offset) => {
      checkOp((x: Tensor) => diag(x, { offset }), [x]);
    },
  );

  test('takes tensors without elements', () => {
    expect(diag(zeros([0])).shape).toEqual([0, 0]);
    expect([...diag(zeros([0]), { offset: -1 }).values]).toEqual([0]);
    expect(diag(zeros([0, 3])).shape).toEqual([0]);
    expect(diag(zeros([2, 0]), { offset: 5 }).shape).toEqual([0]);
  });

  test('keeps NaN on its diagonal', () => {
    expect([...diag(tensor([Number.NaN, 1])).values]).toEqual([Number.NaN, 0, 0, 1]);
  });

  test('explains wrong arguments', () => {
    expect(() => diag(zeros([]))).toThrow('diag: x must be a vector or a matrix');
    expect(() => diag(zeros([2, 2, 2]))).toThrow('diag: x must be a vector or a matrix');
    expect(() => diag(zeros([2]), { offset: Number.NaN })).toThrow('diag: offset must be a whole number, not NaN');
    expect(() => diag(zeros([2]), { k: 1 } as never)).toThrow('diag has no option "k"');
  });
});
