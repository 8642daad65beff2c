import {
  assemble,
  forRange,
  type I8x16,
  type I32,
  type I32x4,
  i16x8,
  i32,
  i32x4,
  PrivateMemory,
  privateMemory,
  store,
  storeLane,
  type Variable,
} from '@mobinet/tensor/wasm';
import type { Image } from './source.js';
import { type Filter, half, weightBits } from './triangle-filter.js';

// The same whole numbers as in resize.ts, several at a time. The memory is its own: threads that decode images have no tensors.

type WasmFunction = (...parameters: number[]) => void;

/** A memory, and the functions that were needed so far: one for each number of taps, since loops of few are unrolled. */
interface Scaler {
  readonly memory: PrivateMemory;
  readonly rows: Map<number, WasmFunction>;
  readonly columns: Map<number, WasmFunction>;
}

let scaler: Scaler | null = null;

/** More than this is not kept from one image to the next. */
const keptBytes = 64 * 2 ** 20;

/** @returns u8 [height, width, 3], or null where the memory for it cannot be had, or the machine knows no SIMD. */
export function resizeFast(image: Image, alongRows: Filter, alongColumns: Filter): Uint8Array | null {
  try {
    scaler ??= { memory: new PrivateMemory(), rows: new Map(), columns: new Map() };
    return run(scaler, image, alongRows, alongColumns);
  } catch (error) {
    if (['RangeError', 'CompileError'].includes((error as Error).name)) return null;
    throw error;
  } finally {
    if (scaler && scaler.memory.byteLength > keptBytes) scaler = null;
  }
}

function run({ memory, rows, columns }: Scaler, image: Image, alongRows: Filter, alongColumns: Filter): Uint8Array {
  const [width, height] = [alongRows.first.length, alongColumns.first.length];
  const inputs = [alongRows.first, alongRows.weights, alongColumns.first, alongColumns.weights, image.pixels];
  const sizes = [...inputs.map(({ byteLength }) => byteLength), 3 * image.height * width, 3 * height * width];
  const addresses: number[] = [];
  let end = 0;
  for (const size of sizes) {
    addresses.push(end);
    // Both functions read and write up to 16 bytes more than there are, before they come to what lies there.
    end = (end + size + 31) & ~15;
  }
  memory.reserve(end);
  const [rowsFirst, rowsWeights, columnsFirst, columnsWeights, pixels, wide, result] = addresses;
  for (const [i, { first, weights }] of [alongRows, alongColumns].entries()) {
    memory.words(addresses[2 * i], first.length).set(first);
    memory.words(addresses[2 * i + 1], weights.length).set(weights);
  }
  memory.bytes(pixels, image.pixels.length).set(image.pixels);
  const resizeRows = loaded(memory, rows, rowsModule, alongRows.taps);
  resizeRows(pixels, wide, image.height, image.width, width, rowsFirst, rowsWeights, alongRows.taps);
  const resizeColumns = loaded(memory, columns, columnsModule, alongColumns.taps);
  resizeColumns(wide, result, height, 3 * width, columnsFirst, columnsWeights, alongColumns.taps);
  return memory.bytes(result, 3 * height * width).slice();
}

/** Loops of so many taps are unrolled. */
const mostUnrolled = 8;

function loaded(
  memory: PrivateMemory,
  functions: Map<number, WasmFunction>,
  module: (unrolled: number | null) => Uint8Array<ArrayBuffer>,
  taps: number,
): WasmFunction {
  const unrolled = taps <= mostUnrolled ? taps : null;
  const key = unrolled ?? 0;
  const known = functions.get(key) ?? memory.load(module(unrolled));
  functions.set(key, known);
  return known;
}

/** For each tap: where its weight is, and the number of bytes by which it is farther than `at`, which a loop moves along. */
function forTaps(
  unrolled: number | null,
  { weight, taps, at, stride }: { weight: I32; taps: I32; at: Variable<I32>; stride: I32 | number },
  body: (factor: I32x4) => void,
): void {
  const step = (address: I32, offset: number): void => {
    body(i32x4.variable(i32x4.loadSplat(address, offset), 'factor'));
    at.set(at.add(stride));
  };
  if (unrolled === null) forRange(weight, weight.add(taps.shl(2)), 4, (tap) => step(tap, 0));
  else for (let k = 0; k < unrolled; k++) step(weight, 4 * k);
}

/** One pixel at a time: its three channels are three of four lanes; what the fourth writes, the next pixel overwrites. */
const rowsModule = (unrolled: number | null) =>
  assemble(
    'bytes_resize_rows',
    ['pixels', 'result', 'height', 'width', 'newWidth', 'first', 'weights', 'taps'],
    privateMemory,
    (pixels, result, height, width, newWidth, first, weights, taps) => {
      const from = i32.variable(pixels, 'from');
      const to = i32.variable(result, 'to');
      forRange(0, height, 1, () => {
        const weight = i32.variable(weights, 'weight');
        forRange(0, newWidth, 1, (i) => {
          const at = i32.variable(from.add(i32.load(first.add(i.shl(2))).mul(3)), 'at');
          const sum = i32x4.variable(half, 'sum');
          forTaps(unrolled, { weight, taps, at, stride: 3 }, (factor) => {
            sum.set(sum.add(i32x4.load8U(at).mul(factor)));
          });
          weight.set(weight.add(taps.shl(2)));
          storeLane(to, toBytes([sum, sum, sum, sum]), 0);
          to.set(to.add(3));
        });
        from.set(from.add(width.mul(3)));
      });
    },
  );

/** Sixteen bytes of a row at a time; what is beyond its end, the next row overwrites. */
const columnsModule = (unrolled: number | null) =>
  assemble(
    'bytes_resize_columns',
    ['pixels', 'result', 'newHeight', 'rowBytes', 'first', 'weights', 'taps'],
    privateMemory,
    (pixels, result, newHeight, rowBytes, first, weights, taps) => {
      const to = i32.variable(result, 'to');
      const weight = i32.variable(weights, 'weight');
      forRange(0, newHeight, 1, (i) => {
        const row = i32.variable(pixels.add(i32.load(first.add(i.shl(2))).mul(rowBytes)), 'row');
        forRange(0, rowBytes, 16, (j) => {
          const at = i32.variable(row.add(j), 'at');
          const sums = [0, 1, 2, 3].map(() => i32x4.variable(half, 'sum'));
          forTaps(unrolled, { weight, taps, at, stride: rowBytes }, (factor) => {
            for (const eight of [0, 1]) {
              const bytes = i16x8.variable(i16x8.load8U(at, 8 * eight), 'bytes');
              const [low, high] = [sums[2 * eight], sums[2 * eight + 1]];
              low.set(low.add(bytes.toI32x4LowS().mul(factor)));
              high.set(high.add(bytes.toI32x4HighS().mul(factor)));
            }
          });
          store(to.add(j), toBytes(sums));
        });
        weight.set(weight.add(taps.shl(2)));
        to.set(to.add(rowBytes));
      });
    },
  );

/** Sixteen sums, or four of them four times, as the bytes that they are nearest to: each begins with a half. */
function toBytes(sums: readonly I32x4[]): I8x16 {
  const [a, b, c, d] = sums.map((sum) => sum.shrS(i32.const(weightBits)));
  return a.narrowS(b).narrowU(c.narrowS(d));
}
