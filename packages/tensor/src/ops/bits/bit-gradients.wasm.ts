import { withTemporary } from '../../backends/cpu/heap.js';
import { type Argument, Kernel, kernelFamily, type ParameterTypes } from '../../backends/cpu/kernel.js';
import { threadCount } from '../../backends/cpu/threads.js';
import {
  type F32x4,
  f32x4,
  forRange,
  type I32,
  i32,
  repeat,
  select,
  store,
  storeFour,
  transpose4x4,
  when,
} from '../../wasm/assembler.js';
import { type Epilogue, epilogueFamily, type RowEpilogue } from './epilogue.wasm.js';
import {
  chunkRows,
  indexBytes,
  laneBytes,
  lanes,
  lookUpChunk,
  makeTable,
  packIndices,
  rowsOfTable,
  tableAt,
  tableBytes,
  tableRows,
  tables,
  vectors,
} from './lookup.wasm.js';

// The gradients of Y = X·Fᵀ for signs X [pixels, channels] and F [filters, channels], given dY [pixels, filters] in floats:
//
//     dX = dY·F     32 pixels are the lanes, the filters are summed over, and the signs are F's
//     dF = dYᵀ·X    32 filters are the lanes, the pixels are summed over, and the signs are X's
//
// Both read the sign matrix along its second axis, as it is packed.

/** The product's sizes. */
export interface BitProduct {
  readonly pixels: number;
  readonly filters: number;
  readonly channels: number;
}

/** Outputs are not divided finer than this among threads: each part makes tables of its own. */
const leastOutputs = 128;

/** Into how many parts the outputs of each block of lanes are divided, so that all threads have work, and their size. */
function partsOf(blocks: number, outputs: number): { parts: number; partSize: number } {
  const wanted = threadCount() === 1 ? 1 : Math.ceil((6 * threadCount()) / blocks);
  const parts = Math.max(1, Math.min(wanted, Math.floor(outputs / leastOutputs)));
  const partSize = Math.ceil(outputs / parts / 16) * 16;
  return { parts: Math.ceil(outputs / partSize), partSize };
}

/**
 * dX [pixels, channels] = (dY·scale)·F, through the epilogue.
 * @param scale A factor for each filter, or null. @param filter Packed rows. All are addresses.
 */
export function inputGradientByLookup<P extends ParameterTypes>(
  { pixels, filters, channels }: BitProduct,
  dy: number,
  filter: number,
  scale: number | null,
  dx: number,
  epilogue: Epilogue<P>,
  args: { readonly [K in keyof P]: Argument },
): void {
  const g = tableRows(channels);
  const blocks = Math.ceil(pixels / lanes);
  const { parts, partSize } = partsOf(blocks, channels);
  withTemporary(indexBytes(filters, channels, g), (indices) => {
    packIndices(filters, channels, g, filter, indices);
    inputGradientKernel(epilogue, g, scale !== null).run(
      {
        ...{ dy, scale: scale ?? 0, dx, indices, pixels, filters, channels, parts, partSize },
        ...{ chunkBytes: indexBytes(1, channels, g), ...args },
      } as Record<keyof P | keyof typeof inputParameters, Argument>,
      blocks * parts,
      { grain: 1, scratch: scratchBytes(g, channels) },
    );
  });
}

/** The tables, then a chunk of rows and their factors, then the sums of all outputs. */
const scratchBytes = (g: number, outputs: number): number =>
  tableBytes(g) + (laneBytes + 4) * chunkRows(g) + laneBytes * Math.ceil(outputs / 4) * 4;

const inputParameters = {
  ...{ dy: i32, scale: i32, dx: i32, indices: i32, pixels: i32, filters: i32, channels: i32 },
  ...{ parts: i32, partSize: i32, chunkBytes: i32 },
};

const inputGradientKernel = epilogueFamily(
  (g: number, scales: boolean) => `bits_input_gradient_g${g}${scales ? '_scaled' : ''}`,
  inputParameters,
  (p, from, to, scratch, epilogue, g, scales) => {
    const tail = i32.variable(scratch.add(tableBytes(g)), 'tail');
    const factorTail = i32.variable(tail.add(chunkRows(g) * laneBytes), 'factorTail');
    const sums = i32.variable(factorTail.add(4 * chunkRows(g)), 'sums');
    forRange(from, to, 1, (item) => {
      const pixel = i32.variable(item.divU(p.parts).mul(lanes), 'pixel');
      const pixelsLeft = i32.variable(p.pixels.sub(pixel), 'pixelsLeft');
      const [channel, outputs] = partOf(item.remU(p.parts), p.partSize, p.channels);
      const indices = i32.variable(p.indices.add(channel.mul(8)), 'indices');
      const rowBytes = i32.variable(p.filters.mul(4), 'rowBytes');
      const source = i32.variable(p.dy.add(pixel.mul(rowBytes)), 'source');
      const factor = i32.variable(p.scale, 'factor');
      forRange(0, p.filters, chunkRows(g), (filter) => {
        const rowsLeft = i32.variable(p.filters.sub(filter), 'rowsLeft');
        when(rowsLeft.ltS(chunkRows(g)), () => {
          copyTail(source, rowBytes, pixelsLeft, rowsLeft, lanes, chunkRows(g), tail);
          source.set(tail);
          rowBytes.set(i32.const(4 * chunkRows(g)));
          if (scales) {
            copyTail(factor, i32.const(0), i32.const(1), rowsLeft, 1, chunkRows(g), factorTail);
            factor.set(factorTail);
          }
        });
        makeTablesOfColumns(g, source, rowBytes, pixelsLeft, scales ? factor : null, scratch);
        lookUpChunk(g, { tables: scratch, rowsLeft, indices, sums, outputs, adds: filter });
        source.set(source.add(4 * chunkRows(g)));
        factor.set(factor.add(4 * chunkRows(g)));
        indices.set(indices.add(p.chunkBytes));
      });
      storeTransposed(sums, outputs, pixelsLeft, p.dx, p.channels, pixel, channel, epilogue);
    });
  },
);

/** The first output of a part, a multiple of 16, and how many it has. */
function partOf(part: I32, partSize: I32, outputs: I32): [first: I32, count: I32] {
  const first = i32.variable(partSize.mul(part), 'first');
  return [first, i32.variable(partSize.minU(outputs.sub(first)), 'outputs')];
}

/**
 * Tables of a chunk of columns of dY [pixels, filters]; the lanes are 32 of its rows. Squares of four by four are transposed
 * on the way. Pixels beyond the last repeat it.
 * @param factor The address of a factor for each column, or null.
 */
function makeTablesOfColumns(
  g: number,
  dy: I32,
  rowBytes: I32,
  pixelsLeft: I32,
  factor: I32 | null,
  target: I32,
): void {
  const last = i32.variable(pixelsLeft.sub(1), 'last');
  const at = i32.variable(target, 'at');
  forRange(0, i32.const(lanes), 4, (lane) => {
    const rows = [0, 1, 2, 3].map((i) => i32.variable(dy.add(lane.add(i).minU(last).mul(rowBytes)), `pixel${i}`));
    const fourColumns = (first: number): F32x4[] => {
      const square = rows.map((row) => {
        const value = f32x4.load(row, 4 * first);
        return f32x4.variable(factor ? value.mul(f32x4.load(factor, 4 * first)) : value);
      });
      return transpose4x4(square).map((column) => f32x4.variable(column));
    };
    const fifths = g === 5 ? [...fourColumns(4 * tables), ...fourColumns(4 * tables + 4)] : [];
    for (let table = 0; table < tables; table++) {
      makeTable([...fourColumns(4 * table), ...fifths.slice(table, table + 1)], at, tableAt(g, table, 0));
    }
    at.set(at.add(tableAt(g, 0, 1)));
  });
}

/**
 * C [outputs, 32] as 32 rows of a matrix [rows, columns], from row `row` and column `column` on, as far as it has them.
 * Rows that it has not take the place of the first of their four, and are overwritten by it.
 */
function storeTransposed(
  sums: I32,
  outputs: I32,
  rowsLeft: I32,
  target: I32,
  columns: I32,
  row: I32,
  column: I32,
  finish: (row: I32) => RowEpilogue,
): void {
  forRange(0, outputs, columnsAtOnce, (done) => {
    const count = i32.variable(outputs.sub(done).minU(i32.const(columnsAtOnce)), 'count');
    const first = i32.variable(column.add(done).mul(4), 'firstByte');
    const block = i32.variable(sums.add(done.mul(laneBytes)), 'block');
    forRange(0, rowsLeft.minU(i32.const(lanes)), 4, (lane) => {
      const rows = [0, 1, 2, 3].map((i) => {
        const own = lane.add(i);
        return i32.variable(row.add(i === 0 ? own : select(own.ltS(rowsLeft), own, lane)), `row${i}`);
      });
      const targets = rows.map((row, i) => i32.variable(target.add(row.mul(columns).mul(4)).add(first), `target${i}`));
      const finishes = rows.map((row) => finish(row));
      const source = i32.variable(block.add(lane.mul(4)), 'source');
      const offset = i32.variable(first, 'offset');
      // Four elements of each row; the s-th from where the addresses point to.
      const square = (s: number, put: (target: I32, value: F32x4) => void): void => {
        const outputs = [0, 1, 2, 3].map((k) => f32x4.variable(f32x4.load(source, (4 * s + k) * laneBytes)));
        const values = transpose4x4(outputs).map((value, i) => f32x4.variable(finishes[i](value, offset, 16 * s)));
        for (const i of [3, 2, 1, 0]) put(targets[i], values[i]);
      };
      const squares = (count: number): void => {
        for (let s = 0; s < count; s++) square(s, (target, value) => store(target, value, 16 * s));
        source.set(source.add(4 * laneBytes * count));
        for (const at of [...targets, offset]) at.set(at.add(16 * count));
      };
      const whole = i32.variable(count.and(-16), 'whole');
      forRange(0, whole, 16, () => squares(4));
      forRange(whole, count.sub(3), 4, () => squares(1));
      const rest = i32.variable(count.and(3), 'rest');
      when(rest, () => square(0, (target, value) => storeFour(target, value, rest)));
    });
  });
}

/** Columns that are turned out at a time: what is read of C, 16 bytes of each row at a time, stays in the first-level cache. */
const columnsAtOnce = 256;

/** dF [filters, channels] = dYᵀ·X, from the packed rows of X. All are addresses. */
export function filterGradientByLookup(
  { pixels, filters, channels }: BitProduct,
  dy: number,
  x: number,
  df: number,
): void {
  const g = tableRows(channels);
  const blocks = Math.ceil(filters / lanes);
  const { parts, partSize } = partsOf(blocks, channels);
  withTemporary(indexBytes(pixels, channels, g), (indices) => {
    packIndices(pixels, channels, g, x, indices);
    filterGradientKernel(g).run(
      { dy, df, indices, pixels, filters, channels, parts, partSize, chunkBytes: indexBytes(1, channels, g) },
      blocks * parts,
      { grain: 1, scratch: scratchBytes(g, channels) },
    );
  });
}

const filterGradientKernel = kernelFamily(
  (g: number) =>
    new Kernel(
      `bits_filter_gradient_g${g}__lookup`,
      {
        dy: i32,
        df: i32,
        indices: i32,
        pixels: i32,
        filters: i32,
        channels: i32,
        parts: i32,
        partSize: i32,
        chunkBytes: i32,
      },
      (p, from, to, scratch) => {
        const tail = i32.variable(scratch.add(tableBytes(g)), 'tail');
        const sums = i32.variable(tail.add(chunkRows(g) * laneBytes), 'sums');
        const rowBytes = i32.variable(p.filters.mul(4), 'rowBytes');
        forRange(from, to, 1, (item) => {
          const filter = i32.variable(item.divU(p.parts).mul(lanes), 'filter');
          const [channel, outputs] = partOf(item.remU(p.parts), p.partSize, p.channels);
          const source = i32.variable(p.dy.add(filter.mul(4)), 'source');
          const step = i32.variable(rowBytes, 'step');
          const indices = i32.variable(p.indices.add(channel.mul(8)), 'indices');
          forRange(0, p.pixels, chunkRows(g), (pixel) => {
            const rowsLeft = i32.variable(p.pixels.sub(pixel), 'rowsLeft');
            when(rowsLeft.ltS(chunkRows(g)), () => {
              copyTail(source, rowBytes, rowsLeft, p.filters.sub(filter), chunkRows(g), lanes, tail);
              source.set(tail);
              step.set(i32.const(laneBytes));
            });
            makeTablesOfRows(g, source, step, scratch);
            lookUpChunk(g, { tables: scratch, rowsLeft, indices, sums, outputs, adds: pixel });
            source.set(source.add(step.mul(chunkRows(g))));
            indices.set(indices.add(p.chunkBytes));
          });
          storeTransposed(
            sums,
            outputs,
            p.filters.sub(filter),
            p.df,
            p.channels,
            filter,
            channel,
            () => (value) => value,
          );
        });
      },
    ),
);

/** Tables of a chunk of rows of 32 lanes, which lie `rowBytes` apart. */
function makeTablesOfRows(g: number, first: I32, rowBytes: I32, target: I32): void {
  const at = i32.variable(target, 'at');
  const rows = rowsOfTable(g, 0).map((row) => i32.variable(first.add(rowBytes.mul(row)), `row${row}`));
  repeat(i32.variable(tables, 'tablesLeft'), () => {
    for (let v = 0; v < vectors; v++) {
      const f = rows.map((row) => f32x4.variable(f32x4.load(row, 16 * v)));
      makeTable(f, at, tableAt(g, 0, v));
    }
    rows.forEach((row, j) => {
      row.set(row.add(j < 4 ? rowBytes.mul(4) : rowBytes));
    });
    at.set(at.add(tableAt(g, 1, 0)));
  });
}

/** Copies what is left of dY, fewer rows or columns than a block has, into a block of its own, with 0 for the rest. */
function copyTail(
  source: I32,
  rowBytes: I32,
  rows: I32,
  columns: I32,
  blockRows: number,
  blockColumns: number,
  target: I32,
): void {
  const [from, to] = [i32.variable(source, 'tailSource'), i32.variable(target, 'tailTarget')];
  const columnBytes = i32.variable(columns.minU(i32.const(blockColumns)).mul(4), 'columnBytes');
  forRange(0, i32.const(blockRows), 1, (row) => {
    const count = i32.variable(select(row.ltS(rows), columnBytes, i32.const(0)), 'count');
    forRange(0, count, 4, (offset) => store(to.add(offset), i32.load(from.add(offset))));
    forRange(count, i32.const(4 * blockColumns), 4, (offset) => store(to.add(offset), i32.const(0)));
    from.set(from.add(rowBytes));
    to.set(to.add(4 * blockColumns));
  });
}
