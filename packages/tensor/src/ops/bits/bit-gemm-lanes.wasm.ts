import { chunksOf } from '../../backends/cpu/dispatch.js';
import { withTemporary } from '../../backends/cpu/heap.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { memoize } from '../../backends/memoize.js';
import { wordsPerRow } from '../../bit-tensor.js';
import { range } from '../../range.js';
import {
  forRange,
  type I8x16,
  type I16x8,
  type I32,
  i8x16,
  i16x8,
  i32,
  select,
  store,
  type Variable,
  whileTrue,
} from '../../wasm/assembler.js';
import { type BitGemm, type CountDType, countBytes } from './bit-gemm.wasm.js';
import { laneBytes, lanes, toLanes } from './bit-lanes.wasm.js';

// Products of signs in vectors. The rows of b are lanes (bit-lanes.wasm.ts), so an instruction compares a few signs of
// a row of a with those of 16 rows of b, and the numbers of differing signs add up in bytes. A byte holds at most 255,
// so long rows are counted in parts, whose sums are added in 16 bits.

/** Rows of a whose differences are counted together. */
export const tileRows = 4;

/** Longest row: the dot product must fit into 16 bits. */
const maxSigns = 32_767;

/** How differing signs are counted. */
export interface LaneCounter {
  /** The last part of the kernel's name. */
  readonly instruction: string;
  readonly signsPerByte: 4 | 8;
  /** Vectors of b that an iteration of the inner loop reads. */
  readonly vectorsPerStep: number;
  /** The most iterations after which no sum can exceed a byte. */
  readonly maxSteps: number;
  /** Bytes of scratch memory. */
  scratchBytes(steps: number): number;
  /** Emits what a call of the kernel does once. The returned functions emit the rest. */
  begin(scratch: Variable<I32>, rowBytes: I32): TileCounter;
}

/** The code for a tile of rows of a. */
export interface TileCounter {
  /** Makes rows of a, given by their addresses, the ones to compare with. */
  compareWith(rows: readonly Variable<I32>[]): void;
  /** Returns to the start of the rows. */
  restart(): void;
  /** Compares the next `steps` iterations, and advances `laneAt`. Returns the sums of each row. */
  count(steps: I32, laneAt: Variable<I32>): readonly I8x16[];
}

/** Whether `byLanes` can compute a product of this shape. */
export const fitsLanes = ({ n, signs }: BitGemm): boolean => n >= lanes && signs <= maxSigns;

/** Returns a function that computes products which `fitsLanes`. */
/* @__NO_SIDE_EFFECTS__ */
export function byLanes(counter: LaneCounter): (gemm: BitGemm) => void {
  const { signsPerByte, vectorsPerStep, maxSteps } = counter;
  const kernelFor = memoize((dtype: CountDType) => gemmKernel(counter, dtype));
  return ({ m, n, signs, a, b, y }) => {
    const rowBytes = 4 * wordsPerRow(signs);
    const steps = Math.ceil(((8 / signsPerByte) * rowBytes) / vectorsPerStep);
    // Counts in bytes are at most 255 in total, however many steps there are.
    const parts = y.dtype === 'u8' ? 1 : Math.ceil(steps / maxSteps);
    const stepsPerPart = Math.ceil(steps / parts);
    const layout = { rows: n, rowBytes, signsPerByte, vectors: steps * vectorsPerStep };
    const tiles = Math.ceil(m / tileRows);
    const partialBytes = parts * tileRows * lanes;
    withTemporary(laneBytes(layout), (bLanes) => {
      toLanes(b, layout, bLanes);
      kernelFor(y.dtype).run({ a, bLanes, y, m, n, signs, rowBytes, steps, stepsPerPart, partialBytes }, tiles, {
        grain: chunksOf(tiles, (tileRows * n * signs) / 300),
        scratch: partialBytes + counter.scratchBytes(steps),
      });
    });
  };
}

/**
 * The items are tiles of four rows of a. Where the rows end, the last one is repeated, and where those of b do, so are
 * the last 16: their results are then written more than once.
 */
function gemmKernel({ instruction, begin }: LaneCounter, dtype: CountDType) {
  return new Kernel(
    `bits_gemm_${dtype}_${tileRows}x${lanes}__${instruction}`,
    {
      a: i32,
      bLanes: i32,
      y: i32,
      m: i32,
      n: i32,
      signs: i32,
      rowBytes: i32,
      steps: i32,
      stepsPerPart: i32,
      partialBytes: i32,
    },
    ({ a, bLanes, y, m, n, signs, rowBytes, steps, stepsPerPart, partialBytes }, from, to, scratch) => {
      const bytes = countBytes(dtype);
      const tile = begin(i32.variable(scratch.add(partialBytes), 'counterScratch'), rowBytes);
      const lastColumn = i32.variable(n.sub(lanes), 'lastColumn');
      const partialAt = i32.variable(undefined, 'partialAt');
      forRange(from, to, 1, (item) => {
        const rows = range(tileRows).map((r) => i32.variable(item.mul(tileRows).add(r).minU(m.sub(1)), `row${r}`));
        tile.compareWith(rows.map((row, r) => i32.variable(a.add(row.mul(rowBytes)), `aAt${r}`)));
        const yAt = rows.map((row, r) => i32.variable(y.add(row.mul(n).mul(bytes)), `yAt${r}`));
        const laneAt = i32.variable(bLanes, 'laneAt');
        forRange(0, n, lanes, (column) => {
          const offset = i32.variable(select(column.ltS(lastColumn), column, lastColumn).mul(bytes), 'offset');
          tile.restart();
          if (dtype === 'u8') {
            tile.count(steps, laneAt).forEach((sum, r) => {
              store(yAt[r].add(offset), sum);
            });
            return;
          }
          partialAt.set(scratch);
          forRange(0, steps, stepsPerPart, (done) => {
            tile.count(steps.sub(done).minU(stepsPerPart), laneAt).forEach((sum, r) => {
              store(partialAt, sum, lanes * r);
            });
            partialAt.set(partialAt.add(lanes * tileRows));
          });
          const targets = yAt.map((at, r) => i32.variable(at.add(offset), `target${r}`));
          storeDotProducts(dtype, targets, signs, { from: scratch, to: partialAt });
        });
      });
    },
  );
}

/** Adds the partial sums of the rows, and stores signs − 2·differences in 16 or 32 bits. */
function storeDotProducts(
  dtype: 'i16' | 'i32',
  targets: readonly I32[],
  signs: I32,
  partials: { readonly from: I32; readonly to: I32 },
): void {
  const at = i32.variable(partials.from, 'at');
  const halvesOf = (r: number): I16x8[] => {
    const sum = i8x16.variable(i8x16.load(at, lanes * r), 'sum');
    return [sum.toI16x8LowU(), sum.toI16x8HighU()];
  };
  const totals = targets.map((_, r) => halvesOf(r).map((half) => i16x8.variable(half, 'total')));
  at.set(at.add(lanes * tileRows));
  whileTrue(
    () => at.ltU(partials.to),
    () => {
      totals.forEach((total, r) => {
        halvesOf(r).forEach((half, h) => {
          total[h].set(total[h].add(half));
        });
      });
      at.set(at.add(lanes * tileRows));
    },
  );
  const allSigns = i16x8.variable(i16x8.splat(signs), 'allSigns');
  targets.forEach((target, r) => {
    totals[r].forEach((differences, half) => {
      const products = i16x8.variable(allSigns.sub(differences.add(differences)), 'products');
      if (dtype === 'i16') store(target, products, 16 * half);
      else {
        store(target, products.toI32x4LowS(), 32 * half);
        store(target, products.toI32x4HighS(), 32 * half + 16);
      }
    });
  });
}
