import { withTemporary } from '../../backends/cpu/heap.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { threadCount } from '../../backends/cpu/threads.js';
import { memoize } from '../../backends/memoize.js';
import {
  type F32x4,
  f32,
  f32x4,
  forRange,
  type I32,
  i32,
  repeat,
  select,
  store,
  transpose4x4,
  type Variable,
  when,
} from '../../wasm/assembler.js';

/**
 * A matrix of f32 in memory: element (row, column) is at address + 4 · (row·rowStride + column·columnStride). One of
 * the strides must be 1.
 */
export interface Matrix {
  readonly address: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/** The sizes of a product C [m, n] = A [m, k] · B [k, n]. */
export interface ProductSize {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** The transpose of a matrix: the same memory with the strides exchanged. */
export function transposed<M extends Pick<Matrix, 'rowStride' | 'columnStride'>>(matrix: M): M {
  return { ...matrix, rowStride: matrix.columnStride, columnStride: matrix.rowStride };
}

/** The tile of C that stays in registers: 8 vectors of sums, besides 2 for B and 1 for A. */
const tileRows = 4;
const tileColumns = 8;

/** Steps along k before sums go to memory. It keeps a panel of B in the first-level cache, and the sums precise. */
const blockSteps = 512;

/** Rows of A that a thread takes at a time. The part of them that a block reads stays in the second-level cache. */
const blockRows = 64;

/**
 * C = A·B for A [m, k], B [k, n] and a row-major C [m, n] (columnStride 1). With k = 0, C is left unchanged.
 *
 * B is copied into panels of 8 columns, in the order in which they are read. A is read in place, unless it is
 * transposed (rowStride 1): then it is copied as well, block by block.
 *
 * @param options.adds Computes C += A·B instead. Default false.
 */
export function gemm(
  { m, n, k }: ProductSize,
  a: Matrix,
  b: Matrix,
  c: Matrix,
  { adds = false }: { adds?: boolean } = {},
): void {
  if (m === 0 || n === 0 || k === 0) return;
  const panels = Math.ceil(n / tileColumns);
  const panelBytes = 4 * tileColumns * roundUp4(k);
  withTemporary(panels * panelBytes, (packed) => {
    packPanels({ n, k }, b, packed, panelBytes);
    const rowBlocks = Math.ceil(m / blockRows);
    // With few rows, the columns are divided among threads as well.
    const panelsPerBlock = Math.ceil(panels / Math.min(panels, Math.ceil((4 * threadCount()) / rowBlocks)));
    const columnBlocks = Math.ceil(panels / panelsPerBlock);
    const blocks = rowBlocks * columnBlocks;
    tilesKernel(a.columnStride !== 1).run(
      {
        a: a.address,
        aRow: 4 * a.rowStride,
        aStep: 4 * a.columnStride,
        b: packed,
        panelBytes,
        c: c.address,
        cRow: 4 * c.rowStride,
        m,
        n,
        k,
        panelsPerBlock,
        columnBlocks,
        adds: Number(adds),
      },
      blocks,
      { grain: m * n * k > 1e5 ? 1 : blocks, scratch: edgeAt + 4 * tileRows * tileColumns },
    );
  });
}

const roundUp4 = (k: number): number => (k + 3) & -4;

/** The offset in scratch memory of a tile at the edge, behind the copied block of A. */
const edgeAt = 4 * blockRows * blockSteps;

/** Computes all tiles of C in a block of rows and a block of columns. */
const tilesKernel = memoize(
  (copiesA: boolean) =>
    new Kernel(
      `f32_gemm_4x8${copiesA ? '_transposed' : ''}__madd`,
      {
        a: i32,
        aRow: i32,
        aStep: i32,
        b: i32,
        panelBytes: i32,
        c: i32,
        cRow: i32,
        m: i32,
        n: i32,
        k: i32,
        panelsPerBlock: i32,
        columnBlocks: i32,
        adds: i32,
      },
      ({ a, aRow, aStep, b, panelBytes, c, cRow, m, n, k, panelsPerBlock, columnBlocks, adds }, from, to, scratch) => {
        forRange(from, to, 1, (block) => {
          const firstRow = i32.variable(block.divU(columnBlocks).mul(blockRows), 'firstRow');
          const endRow = i32.variable(firstRow.add(blockRows).minU(m), 'endRow');
          const firstPanel = i32.variable(block.remU(columnBlocks).mul(panelsPerBlock), 'firstPanel');
          const endColumn = i32.variable(firstPanel.add(panelsPerBlock).mul(tileColumns).minU(n), 'endColumn');
          forRange(0, k, blockSteps, (step) => {
            const steps = i32.variable(k.sub(step).minU(i32.const(blockSteps)), 'steps');
            const aBlock = i32.variable(a.add(firstRow.mul(aRow)).add(step.mul(aStep)), 'aBlock');
            if (copiesA) copyRows(aBlock, aStep, endRow.sub(firstRow), steps, scratch);
            const panel = i32.variable(b.add(firstPanel.mul(panelBytes)).add(step.mul(4 * tileColumns)), 'panel');
            forRange(firstPanel.mul(tileColumns), endColumn, tileColumns, (column) => {
              forRange(firstRow, endRow, tileRows, (row) => {
                const inBlock = row.sub(firstRow);
                const rows = copiesA
                  ? tileAt(scratch.add(inBlock.mul(4)), (r) => i32.const(4 * r))
                  : tileAt(aBlock.add(inBlock.mul(aRow)), (r) => select(row.add(r).ltS(m), aRow.mul(r), i32.const(0)));
                const sums = sumTile(rows, copiesA ? i32.const(4 * blockRows) : aStep, panel, steps);
                const tile: Tile = {
                  target: i32.variable(c.add(row.mul(cRow)).add(column.mul(4)), 'target'),
                  rowBytes: cRow,
                  height: i32.variable(m.sub(row), 'height'),
                  width: i32.variable(n.sub(column), 'width'),
                  adds: step.or(adds),
                };
                when(
                  tile.width.geS(tileColumns),
                  () => storeTile(sums, tile),
                  () => storeEdge(sums, tile, scratch.add(edgeAt)),
                );
              });
              panel.set(panel.add(panelBytes));
            });
          });
        });
      },
    ),
);

/** Addresses of a tile's rows of A. For rows past the last one, another row is read, and the sums are discarded. */
function tileAt(address: I32, offset: (row: number) => I32): Variable<I32>[] {
  const first = i32.variable(address, 'a0');
  return [first, ...[1, 2, 3].map((r) => i32.variable(first.add(offset(r)), `a${r}`))];
}

/** The sums of a tile, four rows of two vectors. Each step loads two vectors of B and one number of each row of A. */
function sumTile(rows: readonly Variable<I32>[], aStep: I32, panel: I32, steps: I32): Variable<F32x4>[][] {
  const sums = rows.map((_, r) => [f32x4.variable(0, `sum${r}0`), f32x4.variable(0, `sum${r}1`)]);
  const [left, right, element] = ['left', 'right', 'element'].map((name) => f32x4.variable(undefined, name));
  const bAt = i32.variable(panel, 'bAt');
  repeat(i32.variable(steps, 'stepsLeft'), () => {
    left.set(f32x4.load(bAt));
    right.set(f32x4.load(bAt, 16));
    rows.forEach((row, r) => {
      element.set(f32x4.loadSplat(row));
      sums[r][0].set(sums[r][0].addMul(element, left));
      sums[r][1].set(sums[r][1].addMul(element, right));
      row.set(row.add(aStep));
    });
    bAt.set(bAt.add(4 * tileColumns));
  });
  return sums;
}

/** Where a tile goes in C. */
interface Tile {
  readonly target: Variable<I32>;
  readonly rowBytes: I32;
  /** Rows and columns from here to the end of C, which may be more than those of a tile. */
  readonly height: I32;
  readonly width: I32;
  /** Not 0 if the sums are added to C. */
  readonly adds: I32;
}

/** Writes a tile of full width to C, or adds it. */
function storeTile(sums: Variable<F32x4>[][], { target, rowBytes, height, adds }: Tile): void {
  sums.forEach((vectors, r) => {
    when(height.gtS(r), () => {
      vectors.forEach((sum, v) => {
        when(adds, () => sum.set(sum.add(f32x4.load(target, 16 * v))));
        store(target, sum, 16 * v);
      });
    });
    target.set(target.add(rowBytes));
  });
}

/** The same for a tile that is wider than the rest of C. It goes through memory at `edge`, number by number. */
function storeEdge(sums: Variable<F32x4>[][], { target, rowBytes, height, width, adds }: Tile, edge: I32): void {
  const source = i32.variable(edge, 'source');
  sums.flat().forEach((sum, index) => {
    store(source, sum, 16 * index);
  });
  forRange(0, height.minU(i32.const(tileRows)), 1, () => {
    forRange(0, width, 1, (column) => {
      const at = i32.variable(target.add(column.mul(4)), 'at');
      const sum = f32.variable(f32.load(source.add(column.mul(4))), 'sum');
      when(adds, () => sum.set(sum.add(f32.load(at))));
      store(at, sum);
    });
    source.set(source.add(4 * tileColumns));
    target.set(target.add(rowBytes));
  });
}

/** Copies a block of a transposed A: for each step along k, `blockRows` numbers. */
function copyRows(aBlock: I32, aStep: I32, rows: I32, steps: I32, target: I32): void {
  const [from, to] = [i32.variable(aBlock, 'from'), i32.variable(target, 'to')];
  repeat(i32.variable(steps, 'stepsToCopy'), () => {
    forRange(0, rows.mul(4), 16, (offset) => store(to.add(offset), f32x4.load(from.add(offset))));
    from.set(from.add(aStep));
    to.set(to.add(4 * blockRows));
  });
}

/** Copies B [k, n] into panels of 8 columns at `target`. */
function packPanels({ n, k }: Omit<ProductSize, 'm'>, b: Matrix, target: number, panelBytes: number): void {
  const [stepBytes, columnBytes] = [4 * b.rowStride, 4 * b.columnStride];
  const panels = Math.ceil(n / tileColumns);
  packKernel(b.columnStride === 1).run({ b: b.address, stepBytes, columnBytes, n, k, target, panelBytes }, panels, {
    grain: Math.max(1, Math.ceil(30_000 / k)),
  });
}

/** A panel has the numbers of its 8 columns for each step along k. Columns past the last one repeat another. */
const packKernel = memoize(
  (isRowMajor: boolean) =>
    new Kernel(
      `f32_gemm_pack_8${isRowMajor ? '' : '_transposed'}`,
      { b: i32, stepBytes: i32, columnBytes: i32, n: i32, k: i32, target: i32, panelBytes: i32 },
      ({ b, stepBytes, columnBytes, n, k, target, panelBytes }, from, to) => {
        forRange(from, to, 1, (panel) => {
          const column = i32.variable(panel.mul(tileColumns), 'column');
          const first = i32.variable(b.add(column.mul(columnBytes)), 'b0');
          const at = i32.variable(target.add(panel.mul(panelBytes)), 'at');
          if (isRowMajor) {
            forRange(0, k, 1, () => {
              for (const v of [0, 16]) store(at, f32x4.load(first, v), v);
              first.set(first.add(stepBytes));
              at.set(at.add(4 * tileColumns));
            });
            return;
          }
          // The steps of a column are contiguous, so squares of 4 steps by 4 columns are transposed.
          const columns = [first];
          for (let j = 1; j < tileColumns; j++) {
            const offset = select(column.add(j).ltS(n), columnBytes.mul(j), i32.const(0));
            columns.push(i32.variable(first.add(offset), `b${j}`));
          }
          forRange(0, k, 4, () => {
            for (const half of [0, 4]) {
              const square = columns.slice(half, half + 4).map((from) => f32x4.variable(f32x4.load(from)));
              transpose4x4(square).forEach((step, s) => {
                store(at, step, 4 * (tileColumns * s + half));
              });
            }
            for (const from of columns) from.set(from.add(16));
            at.set(at.add(16 * tileColumns));
          });
        });
      },
    ),
);
