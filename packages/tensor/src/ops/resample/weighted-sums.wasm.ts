import { floatsAt, wordsAt } from '../../backends/cpu/memory.js';
import { range } from '../../range.js';
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
} from '../../wasm/assembler.js';
import type { AxisWeights } from './axis-weights.js';

// Weighted sums of runs of elements, of rows or of pixels. A table lists the terms of each sum: the offset of a run, and
// its weight.

/** Sums of 1, 2 or 4 terms are unrolled; longer ones are added up four terms at a time. */
export const mostTerms = 4;

/** The number of terms that all sums along an axis are brought to. */
export function termsOf({ outputs, start }: AxisWeights): number {
  const most = Math.max(...range(outputs).map((o) => start[o + 1] - start[o]));
  return most <= 2 ? Math.max(1, most) : mostTerms * Math.ceil(most / mostTerms);
}

/** Bytes of a term in a table: the offset of an input, and its weight. */
export const termBytes = 8;

/**
 * Writes the terms of all outputs. If an output has too few, the last one is divided into equal parts. (Further inputs,
 * of weight 0, would make a sum NaN if they were infinite.) An output without terms has weights of 0.
 */
export function writeTable(table: number, axis: AxisWeights, terms: number, inputBytes: number): void {
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

/** Terms in a table. */
export interface Terms<Address extends I32 = I32> {
  readonly table: Address;
  /** How many of them are added up in one pass. */
  readonly unrolled: number;
}

/** Runs of elements that are added up. */
export interface Runs<Count extends I32 | number = I32 | number> {
  /** The address that the offsets of terms count from. */
  readonly source: I32;
  readonly target: I32;
  /** The number of elements in a run. */
  readonly floats: Count;
  /** Further terms that each term is multiplied by: the offsets are added, the weights multiplied. */
  readonly factors?: Terms | null;
}

export const offsetOf = (table: I32, term: number): I32 => i32.load(table, termBytes * term);

const weightOf = (table: I32, term: number): F32x4 => f32x4.loadSplat(table, termBytes * term + 4);

/** The bits of the weight of the first term, which are 0 if there are no terms. */
export const weightBits = (table: I32): I32 => i32.load(table, 4);

/** Statements that store a weighted sum of runs, in several passes if there are more terms than are unrolled. */
export function storeSum(terms: Terms, count: I32, runs: Runs): void {
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
    if (floats % 4 > 0) storeFour(to, f32x4.variable(sumAt(0), 'sum'), i32.const(floats % 4));
    return;
  }
  const count = typeof floats === 'number' ? i32.const(floats) : floats;
  forRange(0, count.shrU(4), 1, () => storeVectors(4));
  forEachFour(count.and(15), (_, rest) => {
    storeFour(to, f32x4.variable(sumAt(0), 'sum'), rest);
    for (const at of [...inputs, to]) at.set(at.add(16));
  });
}

/** Statements that store zeros. */
export function storeZeros(target: I32, floats: I32 | number): void {
  const zero = f32x4.const(0);
  if (typeof floats === 'number' && floats <= longestUnrolled) {
    for (let k = 0; k + 4 <= floats; k += 4) store(target, zero, 4 * k);
    if (floats % 4 > 0) storeFour(target.add(4 * (floats & -4)), zero, i32.const(floats % 4));
    return;
  }
  const count = typeof floats === 'number' ? i32.const(floats) : floats;
  forEachFour(count, (offset, rest) => storeFour(target.add(offset), zero, rest));
}

/** Pixels of up to this many channels are processed without a loop. */
const longestUnrolled = 64;
