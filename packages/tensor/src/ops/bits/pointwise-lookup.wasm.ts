import { threadCount } from '../../backends/cpu/threads.js';
import {
  type F32x4,
  f32x4,
  forEachFour,
  forRange,
  type I32,
  i32,
  select,
  store,
  storeFour,
  transpose4x4,
  when,
} from '../../wasm/assembler.js';
import type { RowEpilogue } from './epilogue.wasm.js';
import { chunkRows, laneBytes, lanes, tableBytes } from './lookup.wasm.js';

// The gradients of a 1×1 convolution of signs by lookup tables (lookup.wasm.ts explains them). The convolution is the
// product Y = X·Fᵀ of signs X [pixels, channels] and F [filters, channels]. With dY [pixels, filters] in floats:
//
//     dX = dY·F     the lanes are 32 pixels, the sum is over the filters, and the signs are those of F
//     dF = dYᵀ·X    the lanes are 32 filters, the sum is over the pixels, and the signs are those of X
//
// Both have an output for each channel, and read the sign matrix along its packed axis. Here is what they share.

/** The outputs are not divided among threads into parts smaller than this, since each part makes tables of its own. */
const minOutputs = 128;

/** The number and size of the parts that the outputs of a block of lanes are divided into to keep all threads busy. */
export function partsOf(blocks: number, outputs: number): { parts: number; partSize: number } {
  const desired = threadCount() === 1 ? 1 : Math.ceil((6 * threadCount()) / blocks);
  const parts = Math.max(1, Math.min(desired, Math.floor(outputs / minOutputs)));
  const partSize = Math.ceil(outputs / parts / 16) * 16;
  return { parts: Math.ceil(outputs / partSize), partSize };
}

/** The first output of a part, a multiple of 16, and its number of outputs. */
export function partOf(part: I32, partSize: I32, outputs: I32): [first: I32, count: I32] {
  const first = i32.variable(partSize.mul(part), 'first');
  return [first, i32.variable(partSize.minU(outputs.sub(first)), 'outputs')];
}

/** Bytes of scratch memory: the tables, a chunk of rows and their factors, then the sums of all outputs. */
export const scratchBytes = (g: number, outputs: number): number =>
  tableBytes(g) + (laneBytes + 4) * chunkRows(g) + laneBytes * Math.ceil(outputs / 4) * 4;

/** A block of a row-major matrix in memory. */
interface Source {
  readonly address: I32;
  readonly rowBytes: I32;
  readonly rows: I32;
  readonly columns: I32;
}

/** Copies the remainder of a matrix to a whole block of [rows, columns] at `target`, and fills the rest with 0. */
export function copyTail(source: Source, target: I32, [blockRows, blockColumns]: readonly [number, number]): void {
  const [from, to] = [i32.variable(source.address, 'tailSource'), i32.variable(target, 'tailTarget')];
  const columnBytes = i32.variable(source.columns.minU(i32.const(blockColumns)).mul(4), 'columnBytes');
  forRange(0, i32.const(blockRows), 1, (row) => {
    const count = i32.variable(select(row.ltS(source.rows), columnBytes, i32.const(0)), 'count');
    forRange(0, count, 4, (offset) => store(to.add(offset), i32.load(from.add(offset))));
    forRange(count, i32.const(4 * blockColumns), 4, (offset) => store(to.add(offset), i32.const(0)));
    from.set(from.add(source.rowBytes));
    to.set(to.add(4 * blockColumns));
  });
}

/** Where in a row-major matrix the transposed sums of a block of lanes go. */
interface Target {
  readonly address: I32;
  /** Columns of the whole matrix. */
  readonly columns: I32;
  /** The first row and column of the block. */
  readonly row: I32;
  readonly column: I32;
  /** Rows from `row` to the end of the matrix, which may be fewer than the lanes. */
  readonly rowsLeft: I32;
}

/**
 * Transposes C [outputs, 32] into up to 32 rows of a matrix. Rows past the last one are written in place of the first
 * of their four rows, which then overwrites them.
 */
export function storeTransposed(
  sums: I32,
  outputs: I32,
  { address, columns, row: firstRow, column, rowsLeft }: Target,
): void {
  forRange(0, outputs, columnsPerPass, (done) => {
    const count = i32.variable(outputs.sub(done).minU(i32.const(columnsPerPass)), 'count');
    const first = i32.variable(address.add(column.add(done).mul(4)), 'first');
    const block = i32.variable(sums.add(done.mul(laneBytes)), 'block');
    forRange(0, rowsLeft.minU(i32.const(lanes)), 4, (lane) => {
      const targets = [0, 1, 2, 3].map((i) => {
        const own = lane.add(i);
        const row = firstRow.add(i === 0 ? own : select(own.ltS(rowsLeft), own, lane));
        return i32.variable(first.add(row.mul(columns).mul(4)), `target${i}`);
      });
      const source = i32.variable(block.add(lane.mul(4)), 'source');
      // Square s has elements [4s, 4s + 4) of the four rows, counted from the current addresses.
      const square = (s: number, put: (target: I32, value: F32x4) => void): void => {
        const outputs = [0, 1, 2, 3].map((k) => f32x4.variable(f32x4.load(source, (4 * s + k) * laneBytes)));
        const values = transpose4x4(outputs).map((value) => f32x4.variable(value));
        for (const i of [3, 2, 1, 0]) put(targets[i], values[i]);
      };
      const squares = (count: number): void => {
        for (let s = 0; s < count; s++) square(s, (target, value) => store(target, value, 16 * s));
        source.set(source.add(4 * laneBytes * count));
        for (const at of targets) at.set(at.add(16 * count));
      };
      const whole = i32.variable(count.and(-16), 'whole');
      forRange(0, whole, 16, () => squares(4));
      forRange(whole, count.sub(3), 4, () => squares(1));
      const rest = i32.variable(count.and(3), 'rest');
      when(rest, () => square(0, (target, value) => storeFour(target, value, rest)));
    });
  });
}

/** Columns that are transposed in one pass. The 16 bytes per row that are read of C stay in the first-level cache. */
const columnsPerPass = 128;

/**
 * Passes rows that `storeTransposed` has just stored through an epilogue, in place. They are still in the first-level
 * cache, and whatever else the epilogue reads is read in the order of memory, which is faster than four rows at a time.
 */
export function applyEpilogue(
  outputs: I32,
  { address, columns, row: firstRow, column, rowsLeft }: Target,
  epilogue: (row: I32) => RowEpilogue,
): void {
  const first = i32.variable(column.mul(4), 'firstByte');
  forRange(firstRow, firstRow.add(rowsLeft.minU(i32.const(lanes))), 1, (row) => {
    const transform = epilogue(row);
    const target = i32.variable(address.add(row.mul(columns).mul(4)), 'target');
    forEachFour(outputs, (done, rest) => {
      const offset = i32.variable(first.add(done), 'offset');
      const value = f32x4.variable(transform(f32x4.load(target.add(offset)), offset, 0), 'value');
      storeFour(target.add(offset), value, rest);
    });
  });
}
