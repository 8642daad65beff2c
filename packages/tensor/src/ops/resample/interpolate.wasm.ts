import { chunksOf } from '../../backends/cpu/dispatch.js';
import { withTemporary } from '../../backends/cpu/heap.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { memoize } from '../../backends/memoize.js';
import type { Tensor } from '../../tensor.js';
import { f32, forRange, type I32, i32, store, type Variable, when } from '../../wasm/assembler.js';
import { readAhead } from '../read-ahead.wasm.js';
import type { AxisWeights, ImageWeights } from './axis-weights.js';
import { storeGathered, writeLanes } from './gathered-sums.wasm.js';
import {
  mostTerms,
  offsetOf,
  type Runs,
  storeSum,
  storeZeros,
  type Terms,
  termBytes,
  termsOf,
  weightBits,
  writeTable,
} from './weighted-sums.wasm.js';

/**
 * `interpolate`, and its gradient: each pixel is a sum of columns, whose elements are sums of rows. Where pixels do not
 * fill a vector, four elements of a line are gathered at a time instead.
 */
export function interpolateByKernel(x: Tensor, y: Tensor, { rows, columns }: ImageWeights): void {
  const [batch, , , channels] = x.shape;
  const [lineFloats, outFloats] = [channels * columns.inputs, channels * columns.outputs];
  const [rowTerms, columnTerms] = [termsOf(rows), termsOf(columns)];
  const gathers = channels < 4;
  const sums = gathers ? 4 * Math.ceil(outFloats / 4) : columns.outputs;
  const columnBytes = termBytes * columnTerms * sums;
  withTemporary(columnBytes + termBytes * rowTerms * rows.outputs, (table) => {
    if (gathers) writeLanes(table, columns, columnTerms, channels);
    else writeTable(table, columns, columnTerms, 4 * channels);
    writeTable(table + columnBytes, rows, rowTerms, 4 * lineFloats);
    const args = {
      x,
      y,
      rows: table + columnBytes,
      columns: table,
      rowTerms,
      columnTerms,
      imageBytes: 4 * lineFloats * rows.inputs,
      lineFloats,
      outHeight: rows.outputs,
      outFloats,
    };
    const kernel = interpolateKernel(
      Math.min(rowTerms, mostTerms),
      Math.min(columnTerms, mostTerms),
      channels,
      gathers ? 'gathered' : wayOf(rowTerms, columnTerms, columns),
    );
    const lines = batch * rows.outputs;
    const nanosecondsOfColumns = gathers ? 0.5 * outFloats * columnTerms : sums * (5 + 0.1 * channels * columnTerms);
    const grain = chunksOf(lines, nanosecondsOfColumns + 0.1 * lineFloats * rowTerms);
    // The gathered terms that do not exist read the 0 behind the line.
    kernel.run(args, lines, { grain, scratch: 4 * (lineFloats + 1) });
  });
}

/**
 * How a line of y is made: each pixel from all its terms (`direct`), or from the sums of rows of a whole line, which are
 * made first (`buffered`). Elements are gathered from these sums as well.
 */
type Way = 'direct' | 'buffered' | 'gathered';

function wayOf(rowTerms: number, columnTerms: number, { inputs, outputs }: AxisWeights): Way {
  // Sums of rows that are terms of several pixels are made only once if they are made first.
  const areShared = outputs * columnTerms > inputs;
  return rowTerms === 1 || (rowTerms * columnTerms <= mostTerms && !areShared) ? 'direct' : 'buffered';
}

/** The items are lines of y. */
const interpolateKernel = memoize(
  (rowTerms: number, columnTerms: number, channels: number, way: Way) =>
    new Kernel(
      `f32_interpolate_${rowTerms}x${columnTerms}_c${channels}_${way}`,
      {
        x: i32,
        y: i32,
        rows: i32,
        columns: i32,
        rowTerms: i32,
        columnTerms: i32,
        imageBytes: i32,
        lineFloats: i32,
        outHeight: i32,
        outFloats: i32,
      },
      (p, from, to, scratch) => {
        if (way === 'gathered') store(scratch.add(p.lineFloats.mul(4)), f32.const(0));
        forRange(from, to, 1, (line) => {
          const row = i32.variable(p.rows.add(line.remU(p.outHeight).mul(p.rowTerms).mul(termBytes)), 'row');
          const source = i32.variable(p.x.add(line.divU(p.outHeight).mul(p.imageBytes)), 'source');
          const target = i32.variable(p.y.add(line.mul(p.outFloats).mul(4)), 'target');
          const storeLine = (): void => {
            if (way !== 'direct') {
              // The earlier rows have been read for the line before.
              for (let r = Math.floor(rowTerms / 2); r < rowTerms; r++) {
                readAhead(source.add(offsetOf(row, r)), p.lineFloats.mul(4), scratch);
              }
              const runs = { source, target: scratch, floats: p.lineFloats };
              storeSum({ table: row, unrolled: rowTerms }, p.rowTerms, runs);
              source.set(scratch);
            }
            const columns = { table: i32.variable(p.columns, 'column'), unrolled: columnTerms };
            if (way === 'gathered') {
              storeGathered(columns, p.columnTerms, { source, target, floats: p.outFloats });
              return;
            }
            const factors = way === 'direct' ? { table: row, unrolled: rowTerms } : null;
            const pixel = { source, target, floats: channels, factors };
            forRange(0, p.outFloats, channels, () => storePixel(columns, p.columnTerms, pixel));
          };
          // A row without terms is one of a gradient that no output has read.
          when(weightBits(row), storeLine, () => storeZeros(target, p.outFloats));
        });
      },
    ),
);

type Pixel = Runs<number> & { readonly target: Variable<I32> };

/** Statements that store the next pixel of a line, and go on to the one after it. */
function storePixel({ table, unrolled }: Terms<Variable<I32>>, count: I32, pixel: Pixel): void {
  const { target, floats } = pixel;
  // So may a column be without terms.
  when(
    weightBits(table),
    () => storeSum({ table, unrolled }, count, pixel),
    () => storeZeros(target, floats),
  );
  table.set(table.add(count.mul(termBytes)));
  target.set(target.add(4 * floats));
}
