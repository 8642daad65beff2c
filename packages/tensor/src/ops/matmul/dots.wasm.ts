import { chunksOf } from '../../backends/cpu/dispatch.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import {
  f32,
  f32x4,
  forRange,
  type I32,
  i32,
  select,
  store,
  sumOfFour,
  type Variable,
  when,
} from '../../wasm/assembler.js';
import type { Matrix, ProductSize } from './gemm.wasm.js';

/** With more rows than this, copying B into panels pays off. */
const maxRows = 4;

/** Whether C = A·B has few rows and each of its elements is the dot product of two contiguous runs of numbers. */
export function areDots(m: number, a: Matrix, b: Matrix): boolean {
  return m <= maxRows && a.columnStride === 1 && b.rowStride === 1;
}

/** Columns of B that a row of A is multiplied with in one pass. */
const columnsPerPass = 4;

/**
 * C = A·B for a few rows, such as a classifier's for a single image. B is read in place, and only once from memory,
 * whose speed is the limit. The conditions are those of `areDots`.
 */
export function dots({ m, n, k }: ProductSize, a: Matrix, b: Matrix, c: Matrix): void {
  const blocks = Math.ceil(n / columnsPerPass);
  dotsKernel.run(
    {
      a: a.address,
      aRow: 4 * a.rowStride,
      b: b.address,
      bColumn: 4 * b.columnStride,
      c: c.address,
      cRow: 4 * c.rowStride,
      m,
      n,
      k,
    },
    blocks,
    { grain: chunksOf(blocks, 5 + m * k * 0.4) },
  );
}

const dotsKernel = new Kernel(
  'f32_dots_1x4__madd',
  { a: i32, aRow: i32, b: i32, bColumn: i32, c: i32, cRow: i32, m: i32, n: i32, k: i32 },
  ({ a, aRow, b, bColumn, c, cRow, m, n, k }, from, to) => {
    const wholeBytes = i32.variable(k.and(-4).mul(4), 'wholeBytes');
    const endBytes = i32.variable(k.mul(4), 'endBytes');
    forRange(from, to, 1, (block) => {
      const column = i32.variable(block.mul(columnsPerPass), 'column');
      const bAt: Variable<I32>[] = [];
      for (let j = 0; j < columnsPerPass; j++) {
        // Past the last column, the first one of the block is read again, and its result is discarded.
        const own = select(column.add(j).ltS(n), column.add(j), column);
        bAt.push(i32.variable(b.add(own.mul(bColumn)), `b${j}`));
      }
      forRange(0, m, 1, (row) => {
        const aAt = i32.variable(a.add(row.mul(aRow)), 'aAt');
        const vectors = bAt.map((_, j) => f32x4.variable(0, `sum${j}`));
        forRange(0, wholeBytes, 16, (offset) => {
          const left = f32x4.variable(f32x4.load(aAt.add(offset)), 'left');
          vectors.forEach((sum, j) => {
            sum.set(sum.addMul(left, f32x4.load(bAt[j].add(offset))));
          });
        });
        const sums = vectors.map((sum) => f32.variable(sumOfFour(sum), 'total'));
        forRange(wholeBytes, endBytes, 4, (offset) => {
          sums.forEach((sum, j) => {
            sum.set(sum.add(f32.load(aAt.add(offset)).mul(f32.load(bAt[j].add(offset)))));
          });
        });
        const target = i32.variable(c.add(row.mul(cRow)).add(column.mul(4)), 'target');
        sums.forEach((sum, j) => {
          when(column.add(j).ltS(n), () => store(target, sum, 4 * j));
        });
      });
    });
  },
);
