import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { full, tensor, zeros } from '../../create.js';
import type { Tensor } from '../../tensor.js';
import { checkOp } from '../../testing/index.js';
import { at, build, counted, expectSame, floats } from '../shape/oracle.test.helper.js';
import { tril, triu } from './triangles.js';

const offsets = fc.integer({ min: -6, max: 6 });

describe('tril and triu', () => {
  test.prop([counted({ minRank: 2 }), offsets], { numRuns: 60 })('keep a triangle of each matrix', (x, offset) => {
    const expected = (isKept: (diagonal: number) => boolean) =>
      build(x.dtype, x.shape, (index) => {
        const [i, j] = index.slice(-2);
        return isKept(j - i) ? at(x, index) : 0;
      });
    expectSame(
      tril(x, { offset }),
      expected((diagonal) => diagonal <= offset),
    );
    expectSame(
      triu(x, { offset }),
      expected((diagonal) => diagonal >= offset),
    );
  });

  test.prop([floats({ minRank: 2, maxRank: 3, maxSize: 4 }), offsets], { numRuns: 20 })(
    'obey the laws of ops',
    (x, offset) => {
      checkOp((x: Tensor) => tril(x, { offset }), [x]);
      checkOp((x: Tensor) => triu(x, { offset }), [x]);
    },
  );

  test('drop NaN, and take offsets beyond the corners and matrices without elements', () => {
    const x = full([2, 2], Number.NaN);
    expect([...tril(x, { offset: -1e12 }).values]).toEqual([0, 0, 0, 0]);
    expect([...triu(x, { offset: -1e12 }).values]).toEqual([...x.values]);
    expect(tril(zeros([3, 0])).shape).toEqual([3, 0]);
    expect(triu(zeros([0, 2, 2])).shape).toEqual([0, 2, 2]);
  });

  test.each([tril, triu])('$name explains wrong arguments', (f) => {
    expect(() => f(zeros([3]))).toThrow(`${f.name}: x must have at least 2 axes`);
    expect(() => f(zeros([2, 2]), { offset: 0.5 })).toThrow(`${f.name}: offset must be a whole number, not 0.5`);
    expect(() => f(zeros([2, 2]), 1 as never)).toThrow(`${f.name}: options must be an object, not 1`);
    expect(() => f(tensor([[1]]), { k: 1 } as never)).toThrow(`${f.name} has no option "k"`);
  });
});
