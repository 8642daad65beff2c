import { chunksOf } from '../../backends/cpu/dispatch.js';
import { withTemporary } from '../../backends/cpu/heap.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { floatsAt, wordsAt } from '../../backends/cpu/memory.js';
import { memoize } from '../../backends/memoize.js';
import type { Tensor } from '../../tensor.js';
import {
  type F32x4,
  f32,
  f32x4,
  forEachFour,
  forRange,
  type I32,
  i32,
  store,
  storeFour,
  when,
} from '../../wasm/assembler.js';
import type { AxisWeights, ImageWeights } from './axis-weights.js';
import { mostTerms, storeSum, storeZeros, termBytes, termsOf, weightBits, writeTable } from './weighted-sums.wasm.js';

/**
 * `interpolate` of images whose pixels do not fill a vector. The sums of rows are made for a whole line, and those of
 * columns for four elements of the result at a time, whatever pixels they belong to: each lane has offsets and weights of
 * its own.
 */
export function interpolateFewChannels(x: Tensor, y: Tensor, { rows, columns }: ImageWeights): void {
  const [batch, , , channels] = x.shape;
  const lineFloats = channels * columns.inputs;
  const outFloats = channels * columns.outputs;
  const [rowTerms, columnTerms] = [termsOf(rows), termsOf(columns)];
  const rowBytes = 16 * Math.ceil((termBytes * rowTerms * rows.outputs) / 16);
  withTemporary(rowBytes + laneBytes * columnTerms * 4 * Math.ceil(outFloats / 4), (table) => {
    writeTable(table, rows, rowTerms, 4 * lineFloats);
    writeLanes(table + rowBytes, columns, columnTerms, channels);
    const lines = batch * rows.outputs;
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
      outFloats,
    };
    const nanoseconds = 0.15 * lineFloats * rowTerms + 0.5 * outFloats * columnTerms;
    fewChannelsKernel(Math.min(rowTerms, mostTerms), Math.min(columnTerms, mostTerms)).run(args, lines, {
      grain: chunksOf(lines, nanoseconds),
      scratch: 4 * (lineFloats + 1),
    });
  });
}

/** Bytes of a term of a single element: its offset in the line, and its weight. */
const laneBytes = 8;

/**
 * Writes the terms of four elements of a line at a time: four offsets, then four weights, term by term. Where there is
 * no such term or no such element, the term is the 0 that follows the line.
 */
function writeLanes(table: number, axis: AxisWeights, terms: number, channels: number): void {
  const { inputs, outputs, first, start, weights } = axis;
  const floats = channels * outputs;
  const padded = 4 * Math.ceil(floats / 4);
  const [words, numbers] = [wordsAt(table, 2 * terms * padded), floatsAt(table, 2 * terms * padded)];
  for (let i = 0; i < padded; i++) {
    const [o, channel] = [Math.floor(i / channels), i % channels];
    const own = i < floats ? start[o + 1] - start[o] : 0;
    for (let k = 0; k < terms; k++) {
      const at = 8 * (Math.floor(i / 4) * terms + k) + (i % 4);
      words[at] = 4 * (k < own ? channels * (first[o] + k) + channel : channels * inputs);
      numbers[at + 4] = k < own ? weights[start[o] + k] : 0;
    }
  }
}

/** The items are lines of y. */
const fewChannelsKernel = memoize(
  (rowTerms: number, columnTerms: number) =>
    new Kernel(
      `f32_interpolate_${rowTerms}x${columnTerms}_few`,
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
        store(scratch.add(p.lineFloats.mul(4)), f32.const(0));
        forRange(from, to, 1, (line) => {
          const row = i32.variable(p.rows.add(line.remU(p.outHeight).mul(p.rowTerms).mul(termBytes)), 'row');
          const source = i32.variable(p.x.add(line.divU(p.outHeight).mul(p.imageBytes)), 'source');
          const target = i32.variable(p.y.add(line.mul(p.outFloats).mul(4)), 'target');
          const storeLine = (): void => {
            const runs = { source, target: scratch, floats: p.lineFloats };
            storeSum({ table: row, unrolled: rowTerms }, p.rowTerms, runs);
            const term = i32.variable(p.columns, 'term');
            forEachFour(p.outFloats, (offset, rest) => {
              const sum = f32x4.variable(0, 'sum');
              sum.set(sumOfLanes(term, scratch, columnTerms));
              term.set(term.add(4 * laneBytes * columnTerms));
              if (columnTerms === mostTerms) {
                forRange(mostTerms, p.columnTerms, mostTerms, () => {
                  sum.set(sum.add(sumOfLanes(term, scratch, columnTerms)));
                  term.set(term.add(4 * laneBytes * columnTerms));
                });
              }
              storeFour(target.add(offset), sum, rest);
            });
          };
          // A row without terms is one of a gradient that no output has read.
          when(weightBits(row), storeLine, () => storeZeros(target, p.outFloats));
        });
      },
    ),
);

/** The sum of the next terms of four elements. */
function sumOfLanes(table: I32, line: I32, terms: number): F32x4 {
  const weighted = (term: number): [F32x4, F32x4] => {
    const at = 4 * laneBytes * term;
    const place = (lane: number): I32 => line.add(i32.load(table, at + 4 * lane));
    const elements = [1, 2, 3].reduce((four, lane) => four.loadLane(place(lane), lane), f32x4.loadSplat(place(0)));
    return [elements, f32x4.load(table, at + 16)];
  };
  const [elements, weights] = weighted(0);
  let sum = elements.mul(weights);
  for (let term = 1; term < terms; term++) sum = sum.addMul(...weighted(term));
  return sum;
}
