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

/**
 * C += A·B for A [m, k], B [k, n], C [m, n], in portable JavaScript.
 *
 * Works on 4×4 tiles of C: their 16 sums live in registers, so each step along k makes 16 multiply-adds from 8 loads,
 * where the plain loop makes one from two and then waits for its own last sum. The sums are doubles: JavaScript has
 * no f32 addition, and rounding each sum (`Math.fround`) would cost more than it is worth. `| 0` says that a stride is an
 * integer: where it came out of a division, the compiler would calculate addresses in doubles.
 */
export function gemm(m: number, n: number, k: number, a: Matrix, b: Matrix, c: Matrix): void {
  const tiledRows = m - (m % 4);
  const tiledColumns = n - (n % 4);
  for (let row = 0; row < tiledRows; row += 4) {
    for (let column = 0; column < tiledColumns; column += 4) tile4x4(row, column, k, a, b, c);
    edge(row, row + 4, tiledColumns, n, k, a, b, c);
  }
  edge(tiledRows, m, 0, n, k, a, b, c);
}

// biome-ignore format: one row of the tile a line
function tile4x4(row: number, column: number, k: number, a: Matrix, b: Matrix, c: Matrix): void {
  const av = a.values, bv = b.values, cv = c.values;
  const aRow = a.rowStride | 0, aStep = a.columnStride | 0, bStep = b.rowStride | 0, bColumn = b.columnStride | 0;
  let c00 = 0, c01 = 0, c02 = 0, c03 = 0;
  let c10 = 0, c11 = 0, c12 = 0, c13 = 0;
  let c20 = 0, c21 = 0, c22 = 0, c23 = 0;
  let c30 = 0, c31 = 0, c32 = 0, c33 = 0;
  let aAt = (a.offset + row * aRow) | 0;
  let bAt = (b.offset + column * bColumn) | 0;
  for (let step = 0; step < k; step++) {
    const b0 = bv[bAt], b1 = bv[bAt + bColumn], b2 = bv[bAt + 2 * bColumn], b3 = bv[bAt + 3 * bColumn];
    const a0 = av[aAt], a1 = av[aAt + aRow], a2 = av[aAt + 2 * aRow], a3 = av[aAt + 3 * aRow];
    c00 += a0 * b0; c01 += a0 * b1; c02 += a0 * b2; c03 += a0 * b3;
    c10 += a1 * b0; c11 += a1 * b1; c12 += a1 * b2; c13 += a1 * b3;
    c20 += a2 * b0; c21 += a2 * b1; c22 += a2 * b2; c23 += a2 * b3;
    c30 += a3 * b0; c31 += a3 * b1; c32 += a3 * b2; c33 += a3 * b3;
    aAt += aStep;
    bAt += bStep;
  }
  const right = c.columnStride | 0, down = c.rowStride | 0;
  let at = (c.offset + row * down + column * right) | 0;
  cv[at] += c00; cv[at + right] += c01; cv[at + 2 * right] += c02; cv[at + 3 * right] += c03;
  at += down;
  cv[at] += c10; cv[at + right] += c11; cv[at + 2 * right] += c12; cv[at + 3 * right] += c13;
  at += down;
  cv[at] += c20; cv[at + right] += c21; cv[at + 2 * right] += c22; cv[at + 3 * right] += c23;
  at += down;
  cv[at] += c30; cv[at + right] += c31; cv[at + 2 * right] += c32; cv[at + 3 * right] += c33;
}

/** The plain loop, for the rows and columns that no tile covers. */
function edge(
  fromRow: number,
  toRow: number,
  fromColumn: number,
  toColumn: number,
  k: number,
  a: Matrix,
  b: Matrix,
  c: Matrix,
): void {
  for (let row = fromRow; row < toRow; row++) {
    for (let column = fromColumn; column < toColumn; column++) {
      let sum = 0;
      for (let step = 0; step < k; step++) {
        sum +=
          a.values[a.offset + row * a.rowStride + step * a.columnStride] *
          b.values[b.offset + step * b.rowStride + column * b.columnStride];
      }
      c.values[c.offset + row * c.rowStride + column * c.columnStride] += sum;
    }
  }
}
