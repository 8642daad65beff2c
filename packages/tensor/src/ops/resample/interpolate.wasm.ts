import { chunksOf } from '../../backends/cpu/dispatch.js';
import { withTemporary } from '../../backends/cpu/heap.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { floatsAt, wordsAt } from '../../backends/cpu/memory.js';
import { memoize } from '../../backends/memoize.js';
import { range } from '../../range.js';
import type { Tensor } from '../../tensor.js';
import {
  type F32x4,
  f32x4,
  forEachFour,
  forRange,
  type I32,
  i32,
  store,
  storeFour,
  type Variable,
  when,
} from '../../wasm/assembler.js';
import { readAhead } from '../read-ahead.wasm.js';
import type { AxisWeights, ImageWeights } from './axis-weights.js';

/** `interpolate`, and its gradient: each pixel is a sum of columns, whose elements are sums of rows. */
export function interpolateByKernel(x: Tensor, y: Tensor, { rows, columns }: ImageWeights): void {
  const [batch, , , channels] = x.shape;
  const [lines, lineFloats] = [batch * rows.outputs, channels * columns.inputs];
  const [rowTerms, columnTerms] = [termsOf(rows), termsOf(columns)];
  // The kernel skips rows and columns without terms, which are those of a gradient that no output has read.
  if (hasEmpty(rows) || hasEmpty(columns)) y.values.fill(0);
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

/** Sums of 1, 2 or 4 terms are unrolled; longer ones are added up four terms at a time. */
const mostTerms = 4;

/** The number of terms that all sums along an axis are brought to. */
function termsOf({ outputs, start }: AxisWeights): number {
  const most = Math.max(...range(outputs).map((o) => start[o + 1] - start[o]));
  return most <= 2 ? Math.max(1, most) : mostTerms * Math.ceil(most / mostTerms);
}

const hasEmpty = ({ outputs, start }: AxisWeights): boolean => range(outputs).some((o) => start[o + 1] === start[o]);

/** Bytes of a term in a table: the offset of an input, and its weight. */
const termBytes = 8;

/**
 * Writes the terms of all outputs. If an output has too few, the last one is divided into equal parts. (Further inputs,
 * of weight 0, would make a sum NaN if they were infinite.) An output without terms has weights of 0.
 */
function writeTable(table: number, axis: AxisWeights, terms: number, inputBytes: number): void {
  const { outputs, first, start, weights } = axis;
  const [words, floats] = [wordsAt(table, 2 * terms * outputs), floatsAt(table, 2 * terms * outputs)];
  for (let o = 0, at = 0; o < outputs; o++) {
    const last = start[o + 1] - start[o] - 1;
    for (let k = 0; k < terms; k++, at += 2) {
      const own = Math.min(k, last);
      const parts = own < last ? 1 : terms - last;
      words[at] = last < 0 ? 0 : inputBytes * (first[o] + own);
      floats[at + 1] = last < 0 ? 0 : weights[start[o] + own] / parts;
    }
  }
}

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
          when(weightBits(row), () => {
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
              when(weightBits(column), () => {
                const factors = isDirect ? { table: row, unrolled: rowTerms } : null;
                const pixel = { source, target, floats: channels, factors };
                storeSum({ table: column, unrolled: columnTerms }, p.columnTerms, pixel);
              });
              column.set(column.add(p.columnTerms.mul(termBytes)));
              target.set(target.add(4 * channels));
            });
          });
        });
      },
    ),
);

/** Terms in a table. */
interface Terms {
  readonly table: I32;
  /** How many of them are added up in one pass. */
  readonly unrolled: number;
}

/** Runs of elements that are added up. */
interface Runs {
  /** The address that the offsets of terms count from. */
  readonly source: I32;
  readonly target: I32;
  /** The number of elements in a run. */
  readonly floats: I32 | number;
  /** Further terms that each term is multiplied by: the offsets are added, the weights multiplied. */
  readonly factors?: Terms | null;
}

const offsetOf = (table: I32, term: number): I32 => i32.load(table, termBytes * term);

const weightOf = (table: I32, term: number): F32x4 => f32x4.loadSplat(table, termBytes * term + 4);

/** The bits of the weight of the first term, which are 0 if there are no terms. */
const weightBits = (table: I32): I32 => i32.load(table, 4);

/** Statements that store a weighted sum of runs, in several passes if there are more terms than are unrolled. */
function storeSum(terms: Terms, count: I32, runs: Runs): void {
  addTerms(terms, runs, false);
  if (terms.unrolled < mostTerms) return;
  const table = i32.variable(terms.table, 'table');
  forRange(mostTerms, count, mostTerms, () => {
    table.set(table.add(mostTerms * termBytes));
    addTerms({ ...terms, table }, runs, true);
  });
}

/** Statements that store the sum of the unrolled terms, or add it to what is there. */
function addTerms({ table, unrolled }: Terms, { source, target, floats, factors = null }: Runs, adds: boolean): void {
  const weights: F32x4[] = [];
  const inputs: Variable<I32>[] = [];
  for (let r = 0; r < (factors?.unrolled ?? 1); r++) {
    for (let k = 0; k < unrolled; k++) {
      const [weight, offset] = [weightOf(table, k), offsetOf(table, k)];
      weights.push(f32x4.variable(factors ? weight.mul(weightOf(factors.table, r)) : weight, 'weight'));
      inputs.push(i32.variable(source.add(factors ? offset.add(offsetOf(factors.table, r)) : offset), 'input'));
    }
  }
  const to = i32.variable(target, 'to');
  const sumAt = (bytes: number): F32x4 => {
    const load = (at: I32): F32x4 => f32x4.load(at, bytes);
    const product = load(inputs[0]).mul(weights[0]);
    const first = adds ? load(to).add(product) : product;
    return inputs.slice(1).reduce<F32x4>((sum, input, k) => sum.addMul(load(input), weights[k + 1]), first);
  };
  const storeVectors = (vectors: number): void => {
    for (let v = 0; v < vectors; v++) store(to, sumAt(16 * v), 16 * v);
    for (const at of [...inputs, to]) at.set(at.add(16 * vectors));
  };
  if (typeof floats === 'number' && floats <= longestUnrolled) {
    storeVectors(floats >> 2);
    if (floats % 4 > 0) storeFour(to, sumAt(0), i32.const(floats % 4));
    return;
  }
  const count = typeof floats === 'number' ? i32.const(floats) : floats;
  forRange(0, count.shrU(4), 1, () => storeVectors(4));
  forEachFour(count.and(15), (_, rest) => {
    storeFour(to, sumAt(0), rest);
    for (const at of [...inputs, to]) at.set(at.add(16));
  });
}

/** Pixels of up to this many channels are processed without a loop. */
const longestUnrolled = 64;
