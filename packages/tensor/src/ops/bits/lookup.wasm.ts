import { chunksOf } from '../../backends/cpu/dispatch.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { memoize } from '../../backends/memoize.js';
import { type BitTensor, wordsPerRow } from '../../bit-tensor.js';
import {
  type F32x4,
  f32x4,
  forRange,
  type I32,
  i8x16,
  i16x8,
  i32,
  repeat,
  select,
  store,
  when,
} from '../../wasm/assembler.js';
import { transposeBytes } from './transpose-bytes.wasm.js';

// Products of numbers and signs by lookup tables: C[k, lane] = Σ_r ±F[r, lane], where bit (r, k) selects the sign.
//
// Both gradients of a binary layer are such products. They need no multiplications, and few additions:
//
// 1. Take g rows of F. Each output k needs one of the 2^g sums ±f₀ ± f₁ … of them, the one selected by its g bits.
// 2. A table contains all 2^g sums. Each is the sum of two smaller ones, and costs one addition. An entry holds the sums
//    of all lanes.
// 3. Each k looks up one entry, with its g bits as the index. A load and an addition replace g multiply-adds per lane.
// 4. Eight tables are made at a time, so that eight entries are summed before they are added to the sum in memory.
//
// This is the "method of four Russians", by which Arlazarov, Dinitz, Kronrod and Faradzhev (1970) multiplied Boolean
// matrices. 32 lanes are eight vectors, and eight tables of 2^4 entries take 16 KiB: half of a first-level cache of 32
// KiB, so that the sums fit, too. Tables of 2^5 entries are made for half of the lanes at a time.

/** Lanes of a block, vectors of four lanes, and tables that are made together. */
export const lanes = 32;
export const vectors = lanes / 4;
export const tables = 8;

/** Bytes of one row of F or C: one number for each lane. */
export const laneBytes = 4 * lanes;

/** g, the rows of F per table. The more outputs share the tables, the larger they may be. */
export function tableRows(outputs: number): 4 | 5 {
  return outputs > 160 ? 5 : 4;
}

/** The first of the vectors whose tables are in memory together, for each pass over the lanes of a block. */
export const tablePasses = (g: number): readonly number[] => (g === 5 ? [0, vectors / 2] : [0]);

/** Vectors whose tables are in memory together. */
export const tableVectors = (g: number): number => vectors / tablePasses(g).length;

/** Rows of F that are processed together. */
export const chunkRows = (g: number): number => tables * g;

/**
 * The rows of a chunk that go into a table: four consecutive ones, so that a transposed square can provide them, and a
 * fifth from behind the fours of all tables.
 */
export function rowsOfTable(g: number, table: number): number[] {
  const four = [0, 1, 2, 3].map((j) => 4 * table + j);
  return g === 5 ? [...four, 4 * tables + table] : four;
}

/** Bytes of the tables, which are at the start of a kernel's scratch memory. */
export const tableBytes = (g: number): number => tables * tableVectors(g) * 16 * 2 ** g;

/**
 * Indices are bytes. They are stored as offsets of entries of 16 bytes, or as an eighth of that where offsets are larger
 * than a byte: processors multiply by 8 in an address for free.
 */
const indexShift = (g: number): number => (g <= 4 ? 4 : 1);

/** The number of outputs is rounded up to a multiple of this in the array of indices. */
const outputBlock = 16;

/** Bytes of the indices of a product over `rows` rows. */
export function indexBytes(rows: number, outputs: number, g: number): number {
  return Math.ceil(rows / chunkRows(g)) * chunkIndexBytes(outputs);
}

const chunkIndexBytes = (outputs: number): number => Math.ceil(outputs / outputBlock) * outputBlock * tables;

/** Rearranges bits [rows, outputs] into indices [chunk of rows, output, table] at the address `indices`. */
export function packIndices(
  bits: BitTensor,
  [rows, outputs]: readonly [number, number],
  g: number,
  indices: number,
): void {
  const chunks = Math.ceil(rows / chunkRows(g));
  const rowBytes = 4 * wordsPerRow(outputs);
  indexKernel(g).run({ bits, indices, rows, rowBytes, chunkBytes: chunkIndexBytes(outputs) }, chunks, {
    grain: chunksOf(chunks, outputs * g),
  });
}

const indexKernel = memoize(
  (g: number) =>
    new Kernel(
      `bits_lookup_indices_g${g}`,
      { bits: i32, indices: i32, rows: i32, rowBytes: i32, chunkBytes: i32 },
      ({ bits, indices, rows, rowBytes, chunkBytes }, from, to) => {
        const ownBit = i8x16.const(...[0, 1].flatMap(() => [1, 2, 4, 8, 16, 32, 64, 128]));
        const index = Array.from({ length: tables }, (_, table) => i8x16.variable(undefined, `index${table}`));
        forRange(from, to, 1, (chunk) => {
          const target = i32.variable(indices.add(chunk.mul(chunkBytes)), 'target');
          const row = i32.variable(chunk.mul(chunkRows(g)), 'row');
          const rowsLeft = i32.variable(rows.sub(row), 'rowsLeft');
          const source = i32.variable(bits.add(row.mul(rowBytes)), 'source');
          // 16 outputs are 2 bytes of a row, and 128 bytes of indices.
          forRange(0, chunkBytes.shrU(6), 2, () => {
            index.forEach((sum, table) => {
              rowsOfTable(g, table).forEach((row, j) => {
                const word = i32.load16U(source.add(rowBytes.mul(row)));
                const sixteen = i16x8.splat(select(rowsLeft.gtS(row), word, i32.const(0))).as(i8x16);
                const eachIn8 = sixteen.shuffleBytes(sixteen, [...new Array(8).fill(0), ...new Array(8).fill(1)]);
                const part = eachIn8
                  .and(ownBit)
                  .eq(ownBit)
                  .and(i8x16.const((1 << j) << indexShift(g)));
                sum.set(j === 0 ? part : sum.or(part));
              });
            });
            source.set(source.add(2));
            transposeBytes(index).forEach((vector, at) => {
              store(target, vector, 16 * at);
            });
            target.set(target.add(outputBlock * tables));
          });
        });
      },
    ),
);

/** The operands and the result of a chunk of a product. All are addresses, except `rowsLeft`, `outputs` and `adds`. */
interface LookupChunk {
  readonly tables: I32;
  /** Rows of F from the start of this chunk to the end. */
  readonly rowsLeft: I32;
  /** The indices of this chunk, starting with the first output. */
  readonly indices: I32;
  /** C [outputs, 32], from the first lane of this pass. */
  readonly sums: I32;
  readonly outputs: I32;
  /** Not 0 if the sums are added to C. */
  readonly adds: I32;
}

/** Statements that look up the outputs of one chunk in the tables of one pass. */
export function lookUpChunk(g: number, chunk: LookupChunk): void {
  const lookUpIn = (count: number): void =>
    when(
      chunk.adds,
      () => lookUp(g, chunk, count, true),
      () => lookUp(g, chunk, count, false),
    );
  // With 16 rows or fewer, the second half of the tables is made of rows of zeros, and can be skipped.
  when(
    chunk.rowsLeft.ltS(2 * tables + 1),
    () => lookUpIn(tables / 2),
    () => lookUpIn(tables),
  );
}

function lookUp(g: number, chunk: LookupChunk, count: number, adds: boolean): void {
  const index = i32.variable(chunk.indices, 'index');
  const sums = i32.variable(chunk.sums, 'sums');
  const base = i32.variable(chunk.tables, 'base');
  const entry = Array.from({ length: count }, (_, table) => i32.variable(undefined, `entry${table}`));
  repeat(i32.variable(chunk.outputs, 'outputsLeft'), () => {
    for (const [table, address] of entry.entries()) {
      const offset = i32.load8U(index, table);
      address.set(base.add(offset.shl(4 - indexShift(g))));
    }
    // One vector at a time: loading the entries of all vectors first would take too many registers.
    for (let v = 0; v < tableVectors(g); v++) {
      const found = sumInPairs(entry.map((address, table) => f32x4.load(address, tableAt(g, table, v))));
      store(sums, adds ? f32x4.load(sums, 16 * v).add(found) : found, 16 * v);
    }
    index.set(index.add(tables));
    sums.set(sums.add(laneBytes));
  });
}

/** The offset of a table's entries for one vector of lanes. */
export const tableAt = (g: number, table: number, vector: number): number => (vector * tables + table) * 16 * 2 ** g;

/**
 * Statements that write all sums ±f₀ ± f₁ … of four lanes to address + offset. Bit j of an entry's index is 1 if f_j is
 * subtracted. The elements of `f` must be variables, at least three.
 *
 * The sums form a tree, from the last element to the first, in which no addition waits for more than a few others.
 */
export function makeTable(f: readonly F32x4[], address: I32, offset: number): void {
  const sum = f32x4.variable(f[0].add(f[1]), 'sum');
  const difference = f32x4.variable(f[0].sub(f[1]), 'difference');
  // `rest` is the sum of the elements from j on, with the signs in `entry`.
  const addElementsBelow = (j: number, rest: F32x4, entry: number): void => {
    if (j > 2) {
      addElementsBelow(j - 1, f32x4.variable(rest.add(f[j - 1])), entry);
      addElementsBelow(j - 1, f32x4.variable(rest.sub(f[j - 1])), entry | (1 << (j - 1)));
    } else {
      const results = [rest.add(sum), rest.sub(difference), rest.add(difference), rest.sub(sum)];
      results.forEach((result, low) => {
        store(address, result, offset + 16 * (entry | low));
      });
    }
  };
  const last = f.length - 1;
  addElementsBelow(last, f[last], 0);
  addElementsBelow(last, f32x4.variable(f[last].neg()), 1 << last);
}

/** The sum as a balanced tree, whose additions do not wait for each other. */
function sumInPairs(values: readonly F32x4[]): F32x4 {
  if (values.length === 1) return values[0];
  const half = values.length / 2;
  return sumInPairs(Array.from({ length: half }, (_, i) => values[2 * i].add(values[2 * i + 1])));
}
