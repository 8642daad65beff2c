import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { Rng } from '../../random.js';
import { gemm, type Matrix, transposed } from './gemm.js';

/** A matrix somewhere inside a larger array, row by row or column by column. */
function place(rng: Rng, rows: number, columns: number, offset: number, byColumns: boolean): Matrix {
  const [outer, inner] = byColumns ? [columns, rows] : [rows, columns];
  const stride = inner + 3;
  const { values } = rng.normal([offset + outer * stride]);
  const matrix = { values, offset, rowStride: stride, columnStride: 1 };
  return byColumns ? transposed(matrix) : matrix;
}

const at = ({ values, offset, rowStride, columnStride }: Matrix, row: number, column: number): number =>
  values[offset + row * rowStride + column * columnStride];

describe('gemm', () => {
  const sizes = fc.record({
    // Edges of the 4×8 tile, and of the blocks of 128 rows and 256 steps.
    m: fc.constantFrom(1, 3, 4, 5, 8, 127, 128, 129, 260),
    n: fc.constantFrom(1, 7, 8, 9, 16, 33),
    k: fc.constantFrom(1, 2, 8, 31, 257),
    layouts: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
    offset: fc.integer({ min: 0, max: 5 }),
    seed: fc.nat(),
  });

  test.prop([sizes], { numRuns: 60 })(
    'adds A·B to C, and touches nothing else',
    ({ m, n, k, layouts, offset, seed }) => {
      const rng = Rng.fromSeed(seed);
      const a = place(rng, m, k, offset, layouts[0]);
      const b = place(rng, k, n, offset, layouts[1]);
      const c = place(rng, m, n, offset, layouts[2]);
      const expected = Float64Array.from(c.values);
      for (let row = 0; row < m; row++) {
        for (let column = 0; column < n; column++) {
          for (let step = 0; step < k; step++) {
            expected[c.offset + row * c.rowStride + column * c.columnStride] += at(a, row, step) * at(b, step, column);
          }
        }
      }
      gemm(m, n, k, a, b, c);
      c.values.forEach((value, i) => {
        expect(Math.abs(value - expected[i])).toBeLessThan(1e-4);
      });
    },
  );

  test('leaves C alone where there is nothing to add', () => {
    const matrix: Matrix = { values: new Float32Array(4).fill(5), offset: 0, rowStride: 2, columnStride: 1 };
    gemm(2, 2, 0, matrix, matrix, matrix);
    expect([...matrix.values]).toEqual([5, 5, 5, 5]);
  });
});
