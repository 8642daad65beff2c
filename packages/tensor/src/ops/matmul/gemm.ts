import { advance, f32x4, get, repeat, type Statement, set, v128 } from '../../wasm/assembler.js';
import { instantiate } from '../../wasm/instance.js';

/** A matrix laid anywhere in an array: element (row, column) is at offset + row·rowStride + column·columnStride. */
export interface Matrix {
  readonly values: Float32Array;
  readonly offset: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/** The transposed matrix: the same memory, read the other way. */
export function transposed({ values, offset, rowStride, columnStride }: Matrix): Matrix {
  return { values, offset, rowStride: columnStride, columnStride: rowStride };
}

/** Rows and columns of the tile of C that the kernel keeps in registers. */
const tileRows = 4;
const tileColumns = 8;

/** Rows of A, and steps along k, that are packed at a time: what they take stays in the second-level cache. */
const blockRows = 128;
const blockSteps = 256;

/**
 * C += A·B for A [m, k], B [k, n], C [m, n].
 *
 * The operands are first copied into panels, in the order in which the kernel reads them: A in panels of 4 rows, step
 * after step along k, B in panels of 8 columns. So any strides will do, and edges are filled up with zeros. The copies
 * cost one pass over A and B, the product n or m multiply-adds for each element of them.
 */
export function gemm(m: number, n: number, k: number, a: Matrix, b: Matrix, c: Matrix): void {
  const columnTiles = Math.ceil(n / tileColumns);
  const rowTilesAtMost = Math.ceil(Math.min(m, blockRows) / tileRows);
  const stepsAtMost = Math.min(k, blockSteps);
  const bSize = columnTiles * tileColumns * stepsAtMost;
  const aSize = rowTilesAtMost * tileRows * stepsAtMost;
  const cSize = rowTilesAtMost * tileRows * columnTiles * tileColumns;
  if (cSize === 0) return;
  const floats = new Float32Array(scratch(4 * (bSize + aSize + cSize)));

  for (let step = 0; step < k; step += blockSteps) {
    const steps = Math.min(blockSteps, k - step);
    pack(floats, 0, tileColumns, n, steps, transposed(part(b, step, 0)));
    for (let row = 0; row < m; row += blockRows) {
      const rows = Math.min(blockRows, m - row);
      pack(floats, bSize, tileRows, rows, steps, part(a, row, step));
      kernels.tiles4x8(4 * bSize, 0, 4 * (bSize + aSize), steps, Math.ceil(rows / tileRows), columnTiles);
      addTiles(floats, bSize + aSize, rows, n, part(c, row, 0));
    }
  }
}

/** The matrix from (row, column) on. */
function part(matrix: Matrix, row: number, column: number): Matrix {
  return { ...matrix, offset: matrix.offset + row * matrix.rowStride + column * matrix.columnStride };
}

/**
 * Copies `rows` rows of `source`, k long, in panels of `width` rows: for each step along k the elements of the panel's
 * rows side by side. The last panel is filled up with zeros.
 */
function pack(target: Float32Array, at: number, width: number, rows: number, k: number, source: Matrix): void {
  const { values } = source;
  // `| 0`: where a stride came out of a division, the compiler would calculate addresses in doubles.
  const down = source.rowStride | 0;
  const right = source.columnStride | 0;
  for (let first = 0; first < rows; first += width, at += width * k) {
    for (let row = 0; row < width; row++) {
      let to = at + row;
      if (first + row >= rows) {
        for (let step = 0; step < k; step++, to += width) target[to] = 0;
        continue;
      }
      let from = (source.offset + (first + row) * down) | 0;
      for (let step = 0; step < k; step++, from += right, to += width) target[to] = values[from];
    }
  }
}

/** Adds the kernel's tiles [column tile][row tile][4][8] to C. */
function addTiles(tiles: Float32Array, at: number, rows: number, columns: number, c: Matrix): void {
  const { values } = c;
  const down = c.rowStride | 0;
  const right = c.columnStride | 0;
  const paddedRows = Math.ceil(rows / tileRows) * tileRows;
  for (let column = 0; column < columns; column += tileColumns, at += paddedRows * tileColumns) {
    const real = Math.min(tileColumns, columns - column);
    for (let row = 0; row < rows; row++) {
      const from = at + row * tileColumns;
      const to = (c.offset + row * down + column * right) | 0;
      for (let i = 0; i < real; i++) values[to + i * right] += tiles[from + i];
    }
  }
}

/**
 * All tiles of C from packed panels. Per step along k: two vectors of B and one number of each of four rows of A make
 * 32 multiply-adds, whose sums stay in eight registers until the tile is done.
 */
const { kernels, scratch } = instantiate<{
  tiles4x8(a: number, b: number, c: number, k: number, rowTiles: number, columnTiles: number): void;
}>([
  {
    name: 'tiles4x8',
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
    body: ([a, b, c, k, rowTiles, columnTiles], local) => {
      const [aAt, bAt, rowsLeft, steps] = [local('i32'), local('i32'), local('i32'), local('i32')];
      const [bLeft, bRight, element] = [local('v128'), local('v128'), local('v128')];
      const rows = Array.from({ length: tileRows }, () => ({ left: local('v128'), right: local('v128') }));

      const step: Statement[] = [
        set(bLeft, v128.load(get(bAt))),
        set(bRight, v128.load(get(bAt), 16)),
        ...rows.flatMap(({ left, right }, row) => [
          set(element, v128.load32Splat(get(aAt), 4 * row)),
          set(left, f32x4.add(get(left), f32x4.mul(get(element), get(bLeft)))),
          set(right, f32x4.add(get(right), f32x4.mul(get(element), get(bRight)))),
        ]),
        advance(aAt, 4 * tileRows),
        advance(bAt, 4 * tileColumns),
      ];
      const tile: Statement[] = [
        ...rows.flatMap(({ left, right }) => [set(left, v128.zero), set(right, v128.zero)]),
        set(bAt, get(b)),
        set(steps, get(k)),
        repeat(steps, step),
        ...rows.flatMap(({ left, right }, row) => [
          v128.store(get(c), get(left), 32 * row),
          v128.store(get(c), get(right), 32 * row + 16),
        ]),
        advance(c, 4 * tileRows * tileColumns),
      ];
      const columnOfTiles: Statement[] = [
        set(aAt, get(a)),
        set(rowsLeft, get(rowTiles)),
        repeat(rowsLeft, tile),
        set(b, get(bAt)), // the next panel starts where this one ended
      ];
      return [repeat(columnTiles, columnOfTiles)];
    },
  },
]);
