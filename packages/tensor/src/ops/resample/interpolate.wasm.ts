import { chunksOf } from '../../backends/cpu/dispatch.js';
import { withTemporary } from '../../backends/cpu/heap.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { memoize } from '../../backends/memoize.js';
import type { Tensor } from '../../tensor.js';
import { forRange, i32, when } from '../../wasm/assembler.js';
import { readAhead } from '../read-ahead.wasm.js';
import type { ImageWeights } from './axis-weights.js';
import { interpolateFewChannels } from './interpolate-few-channels.wasm.js';
import {
  mostTerms,
  offsetOf,
  storeSum,
  storeZeros,
  termBytes,
  termsOf,
  weightBits,
  writeTable,
} from './weighted-sums.wasm.js';

/** `interpolate`, and its gradient: each pixel is a sum of columns, whose elements are sums of rows. */
export function interpolateByKernel(x: Tensor, y: Tensor, weights: ImageWeights): void {
  const { rows, columns } = weights;
  const [batch, , , channels] = x.shape;
  if (channels <= fewChannels) {
    interpolateFewChannels(x, y, weights);
    return;
  }
  const [lines, lineFloats] = [batch * rows.outputs, channels * columns.inputs];
  const [rowTerms, columnTerms] = [termsOf(rows), termsOf(columns)];
  const rowBytes = termBytes * rowTerms * rows.outputs;
  withTemporary(rowBytes + termBytes * columnTerms * columns.outputs, (table) => {
    writeTable(table, rows, rowTerms, 4 * lineFloats);
    writeTable(table + rowBytes, columns, columnTerms, 4 * channels);
    const args = {
      x,
      y,
      rows: table,
      columns: table + rowBytes,
      rowTerms,
      columnTerms,
      imageBytes: 4 * lineFloats * rows.inputs,
      lineFloats,
      outHeight: rows.outputs,
      outWidth: columns.outputs,
    };
    // Sums of rows are made first, for the whole line, if they are terms of several pixels.
    const areShared = columns.outputs * columnTerms > columns.inputs;
    const isDirect = rowTerms === 1 || (rowTerms * columnTerms <= mostTerms && !areShared);
    const kernel = interpolateKernel(
      Math.min(rowTerms, mostTerms),
      Math.min(columnTerms, mostTerms),
      channels,
      isDirect,
    );
    const nanoseconds = columns.outputs * (5 + 0.1 * channels * columnTerms) + 0.1 * lineFloats * rowTerms;
    kernel.run(args, lines, { grain: chunksOf(lines, nanoseconds), scratch: 4 * lineFloats });
  });
}

/** Pixels of up to this many channels do not fill a vector. */
const fewChannels = 3;

/** The items are lines of y. */
const interpolateKernel = memoize(
  (rowTerms: number, columnTerms: number, channels: number, isDirect: boolean) =>
    new Kernel(
      `f32_interpolate_${rowTerms}x${columnTerms}_c${channels}${isDirect ? '_direct' : ''}`,
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
        outWidth: i32,
      },
      (p, from, to, scratch) => {
        forRange(from, to, 1, (line) => {
          const row = i32.variable(p.rows.add(line.remU(p.outHeight).mul(p.rowTerms).mul(termBytes)), 'row');
          const source = i32.variable(p.x.add(line.divU(p.outHeight).mul(p.imageBytes)), 'source');
          const target = i32.variable(p.y.add(line.mul(p.outWidth).mul(4 * channels)), 'target');
          const column = i32.variable(p.columns, 'column');
          const storeLine = (): void => {
            if (!isDirect) {
              // The earlier rows have been read for the line before.
              for (let r = rowTerms / 2; r < rowTerms; r++) {
                readAhead(source.add(offsetOf(row, r)), p.lineFloats.mul(4), scratch);
              }
              storeSum({ table: row, unrolled: rowTerms }, p.rowTerms, {
                source,
                target: scratch,
                floats: p.lineFloats,
              });
              source.set(scratch);
            }
            forRange(0, p.outWidth, 1, () => {
              const factors = isDirect ? { table: row, unrolled: rowTerms } : null;
              const pixel = { source, target, floats: channels, factors };
              when(
                weightBits(column),
                () => storeSum({ table: column, unrolled: columnTerms }, p.columnTerms, pixel),
                () => storeZeros(target, channels),
              );
              column.set(column.add(p.columnTerms.mul(termBytes)));
              target.set(target.add(4 * channels));
            });
          };
          // Rows and columns without terms are those of a gradient that no output has read.
          when(weightBits(row), storeLine, () => storeZeros(target, p.outWidth.mul(channels)));
        });
      },
    ),
);
