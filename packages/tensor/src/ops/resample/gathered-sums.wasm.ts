import { floatsAt, wordsAt } from '../../backends/cpu/memory.js';
import {
  type F32x4,
  f32x4,
  forEachFour,
  forRange,
  type I32,
  i32,
  storeFour,
  type Variable,
} from '../../wasm/assembler.js';
import type { AxisWeights } from './axis-weights.js';
import { mostTerms, type Runs, type Terms, termBytes } from './weighted-sums.wasm.js';

// Weighted sums of single elements, four at a time: each lane of a vector has offsets and weights of its own.

/** Bytes of the next term of four elements: four offsets, then four weights. */
const fourTermsBytes = 4 * termBytes;

/**
 * Writes the terms of the elements of a line, four elements at a time. Where there is no such term or no such element,
 * the term is the 0 that must follow the line of inputs.
 */
export function writeLanes(table: number, axis: AxisWeights, terms: number, channels: number): void {
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

/** Statements that store the sums of a line of elements, and leave the table behind its last term. */
export function storeGathered(
  { table, unrolled }: Terms<Variable<I32>>,
  count: I32,
  { source, target, floats }: Runs<I32>,
): void {
  forEachFour(floats, (offset, rest) => {
    const sum = f32x4.variable(0, 'sum');
    const nextTerms = (): F32x4 => sumOfTerms(table, source, unrolled);
    const advance = (): void => table.set(table.add(fourTermsBytes * unrolled));
    sum.set(nextTerms());
    advance();
    if (unrolled === mostTerms) {
      forRange(mostTerms, count, mostTerms, () => {
        sum.set(sum.add(nextTerms()));
        advance();
      });
    }
    storeFour(target.add(offset), sum, rest);
  });
}

/** The sum of some terms of four elements. */
function sumOfTerms(table: I32, line: I32, terms: number): F32x4 {
  const term = (k: number): [F32x4, F32x4] => {
    const place = (lane: number): I32 => line.add(i32.load(table, fourTermsBytes * k + 4 * lane));
    const elements = [1, 2, 3].reduce((four, lane) => four.loadLane(place(lane), lane), f32x4.loadSplat(place(0)));
    return [elements, f32x4.load(table, fourTermsBytes * k + 16)];
  };
  const [elements, weights] = term(0);
  let sum = elements.mul(weights);
  for (let k = 1; k < terms; k++) sum = sum.addMul(...term(k));
  return sum;
}
