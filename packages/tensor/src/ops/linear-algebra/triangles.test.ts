import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { arange, full, tensor, zeros } from '../../create.js';
import { compile } from '../../program/compile.js';
import type { Tensor } from '../../tensor.js';
import { checkOp } from '../../testing/index.js';
import { add } from '../elementwise/binary.js';
import { at, build, counted, expectSame, floats } from '../shape/oracle.test.helper.js';
import { reshape } from '../shape/reshape.js';
import { diag } from './diagonal.js';
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

  test('can be part of a program', () => {
    const x = reshape(arange(1, 10, 1, 'f32'), [3, 3]);
    const f = (x: Tensor) => add(tril(x), add(triu(x, { offset: 1 }), diag(diag(x))));
    const program = compile((x) => f(x as Tensor), [{ dtype: 'f32', shape: [3, 3] }]);
    expect((program.run([x])[0] as Tensor).values).toEqual(Float32Array.of(2, 2, 3, 4, 10, 6, 7, 8, 18));
    program.dispose();
  });

  test.each([tril, triu])('$name explains wrong arguments', (f) => {
    expect(() => f(zeros([3]))).toThrow(`${f.name}: x must have at least 2 axes`);
    expect(() => f(zeros([2, 2]), { offset: 0.5 })).toThrow(`${f.name}: offset must be a whole number, not 0.5`);
    expect(() => f(zeros([2, 2]), 1 as never)).toThrow(`${f.name}: options must be an object, not 1`);
    expect(() => f(tensor([[1]]), { k: 1 } as never)).toThrow(`${f.name} has no option "k"`);
  });
});
