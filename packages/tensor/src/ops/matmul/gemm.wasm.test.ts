import { fc, test } from '@fast-check/vitest';
import { describe, expect } from 'vitest';
import { withGrain } from '../../backends/cpu/dispatch.js';
import { Rng } from '../../random.js';
import { tidy } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import { gemm, type Matrix } from './gemm.wasm.js';

/** A row-major or transposed matrix in the memory of a tensor, and a function that reads its elements. */
function matrixIn(tensor: Tensor, rows: number, columns: number, isTransposed: boolean) {
  const [rowStride, columnStride] = isTransposed ? [1, rows] : [columns, 1];
  const matrix: Matrix = { address: tensor.address, rowStride, columnStride };
  return { matrix, at: (row: number, column: number) => tensor.values[row * rowStride + column * columnStride] };
}

describe('gemm', () => {
  test.prop(
    [
      fc.record({
        // Sizes on and next to the 4×8 of a tile, and the 64 rows and 512 steps of a block.
        m: fc.constantFrom(1, 3, 4, 5, 63, 64, 65, 130),
        n: fc.constantFrom(1, 7, 8, 9, 17, 40),
        k: fc.constantFrom(1, 2, 3, 4, 5, 511, 512, 513, 1030),
        transposeA: fc.boolean(),
        transposeB: fc.boolean(),
        adds: fc.boolean(),
        seed: fc.nat(),
      }),
    ],
    { numRuns: 60 },
  )('is the sum of products, or adds it to C', ({ m, n, k, transposeA, transposeB, adds, seed }) => {
    tidy(() => {
      const rng = Rng.fromSeed(seed);
      const [a, b, c] = [rng.normal([m * k]), rng.normal([k * n]), rng.normal([m * n])];
      const [A, B] = [matrixIn(a, m, k, transposeA), matrixIn(b, k, n, transposeB)];
      const before = c.values.slice();
      withGrain(1, () => gemm({ m, n, k }, A.matrix, B.matrix, matrixIn(c, m, n, false).matrix, { adds }));
      for (let row = 0; row < m; row++) {
        for (let column = 0; column < n; column++) {
          let sum = adds ? before[row * n + column] : 0;
          for (let step = 0; step < k; step++) sum += A.at(row, step) * B.at(step, column);
          expect(Math.abs(c.values[row * n + column] - sum)).toBeLessThan(2e-4);
        }
      }
    });
  });
});
