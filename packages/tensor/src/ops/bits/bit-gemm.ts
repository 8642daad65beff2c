import { wordsPerRow } from '../../bit-tensor.js';
import { advance, get, i32, i64, type Local, repeat, type Statement, set } from '../../wasm/assembler.js';
import { instantiate } from '../../wasm/instance.js';

/** Rows of packed signs anywhere in an array: row r is the `length` words from offset + r·stride on. */
export interface BitRows {
  readonly words: Uint32Array;
  readonly offset: number;
  readonly stride: number;
  readonly length: number;
}

/** Rows of `signs` signs that follow each other, the first from word `offset` on. */
export function bitRows(words: Uint32Array, signs: number, offset = 0): BitRows {
  const length = wordsPerRow(signs);
  return { words, offset, stride: length, length };
}

/** Where results go: y[row, column] is at offset + row·stride + column. */
export interface Counts {
  readonly values: Int32Array;
  readonly offset: number;
  readonly stride: number;
}

/** Rows of b that the kernel meets at a time: one word of a is compared with a word of each. */
const panelRows = 8;

/** Rows of a that are handed over at a time. */
const blockRows = 256;

/**
 * y[i, j] = signs − 2·popcount(a[i] xor b[j]): the dot products of m rows with n rows of `signs` signs each
 * (derived in bit-matmul.ts).
 *
 * Both are copied into the kernel's memory as 64-bit words; b in panels of 8 rows, word by word side by side.
 */
export function bitGemm(m: number, n: number, signs: number, a: BitRows, b: BitRows, y: Counts): void {
  if (m === 0 || n === 0) return;
  const steps = Math.max(1, Math.ceil(a.length / 2));
  const panels = Math.ceil(n / panelRows);
  const rowsAtMost = Math.min(m, blockRows);
  const bBytes = panels * panelRows * steps * 8;
  const aBytes = rowsAtMost * steps * 8;
  const buffer = scratch(bBytes + aBytes + panels * panelRows * rowsAtMost * 4);
  const words = new Uint32Array(buffer);
  const counts = new Int32Array(buffer);

  packPanels(words, n, steps, b);
  for (let first = 0; first < m; first += blockRows) {
    const rows = Math.min(blockRows, m - first);
    copyRows(words, bBytes / 4, rows, steps, { ...a, offset: a.offset + first * a.stride });
    kernels.dots(bBytes, 0, bBytes + aBytes, steps, rows, panels, signs);
    copyCounts(counts, (bBytes + aBytes) / 4, rows, n, { ...y, offset: y.offset + first * y.stride });
  }
}

/** [panel][step][8 rows], each element two words. Rows and words that are missing are 0. */
function packPanels(target: Uint32Array, n: number, steps: number, { words, offset, stride, length }: BitRows): void {
  const paddedRows = Math.ceil(n / panelRows) * panelRows;
  target.fill(0, 0, paddedRows * steps * 2);
  for (let row = 0; row < n; row++) {
    const panelAt = (row - (row % panelRows)) * steps * 2 + (row % panelRows) * 2;
    const from = offset + row * stride;
    for (let word = 0; word < length; word++) {
      target[panelAt + (word >> 1) * panelRows * 2 + (word & 1)] = words[from + word];
    }
  }
}

/** [row][step], each element two words; the second of the last is 0 where there is none. */
function copyRows(
  target: Uint32Array,
  at: number,
  rows: number,
  steps: number,
  { words, offset, stride, length }: BitRows,
): void {
  for (let row = 0; row < rows; row++) {
    const to = at + row * steps * 2;
    const from = offset + row * stride;
    for (let word = 0; word < length; word++) target[to + word] = words[from + word];
    for (let word = length; word < steps * 2; word++) target[to + word] = 0;
  }
}

/** From the kernel's [panel][row][8 columns] to y. */
function copyCounts(counts: Int32Array, at: number, rows: number, columns: number, { values, offset, stride }: Counts) {
  for (let first = 0; first < columns; first += panelRows) {
    const real = Math.min(panelRows, columns - first);
    for (let row = 0; row < rows; row++, at += panelRows) {
      const to = offset + row * stride + first;
      for (let column = 0; column < real; column++) values[to + column] = counts[at + column];
    }
  }
}

/** A word of a stays in a register while it meets the words of 8 rows of b: one load, xor, popcount and add for each. */
const { kernels, scratch } = instantiate<{
  dots(a: number, b: number, y: number, steps: number, rows: number, panels: number, signs: number): void;
}>([
  {
    name: 'dots',
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
    body: ([a, b, y, steps, rows, panels, signs], local) => {
      const [aAt, bAt, rowsLeft, stepsLeft, word] = [
        ...[local('i32'), local('i32'), local('i32'), local('i32')],
        local('i64'),
      ];
      const sums = Array.from({ length: panelRows }, () => local('i64'));

      const count = (sum: Local, row: number): Statement =>
        set(sum, i64.add(get(sum), i64.popcount(i64.xor(get(word), i64.load(get(bAt), 8 * row)))));
      const dot = (differences: Local) =>
        i32.sub(get(signs), i32.shiftLeft(i32.wrap(get(differences)), i32.constant(1)));

      const row: Statement[] = [
        ...sums.map((sum) => set(sum, i64.zero)),
        set(bAt, get(b)),
        set(stepsLeft, get(steps)),
        repeat(stepsLeft, [
          set(word, i64.load(get(aAt))),
          ...sums.map(count),
          advance(aAt, 8),
          advance(bAt, 8 * panelRows),
        ]),
        ...sums.map((sum, index) => i32.store(get(y), dot(sum), 4 * index)),
        advance(y, 4 * panelRows),
      ];
      return [
        repeat(panels, [
          set(aAt, get(a)),
          set(rowsLeft, get(rows)),
          repeat(rowsLeft, row),
          set(b, get(bAt)), // the next panel starts where this one ended
        ]),
      ];
    },
  },
]);
