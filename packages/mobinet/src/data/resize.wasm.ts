import {
  assemble,
  forRange,
  type I8x16,
  type I32x4,
  i32,
  i32x4,
  PrivateMemory,
  privateMemory,
  store,
  storeLane,
} from '@mobinet/tensor/wasm';
import type { Image } from './source.js';
import { type Filter, half, weightBits } from './triangle-filter.js';

// The same whole numbers as in resize.ts, several at a time. The memory is its own: threads that decode images have no tensors.

interface Scaler {
  readonly memory: PrivateMemory;
  readonly resizeRows: (...parameters: number[]) => void;
  readonly resizeColumns: (...parameters: number[]) => void;
}

let scaler: Scaler | null = null;

/** More than this is not kept from one image to the next. */
const keptBytes = 64 * 2 ** 20;

/** @returns u8 [height, width, 3], or null where the memory for it cannot be had, or the machine knows no SIMD. */
export function resizeFast(image: Image, alongRows: Filter, alongColumns: Filter): Uint8Array | null {
  try {
    scaler ??= makeScaler();
    return run(scaler, image, alongRows, alongColumns);
  } catch (error) {
    if (['RangeError', 'CompileError'].includes((error as Error).name)) return null;
    throw error;
  } finally {
    if (scaler && scaler.memory.byteLength > keptBytes) scaler = null;
  }
}

function makeScaler(): Scaler {
  const memory = new PrivateMemory();
  const [resizeRows, resizeColumns] = modules().map((module) => memory.load(module));
  return { memory, resizeRows, resizeColumns };
}

function run({ memory, resizeRows, resizeColumns }: Scaler, image: Image, alongRows: Filter, alongColumns: Filter) {
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
  resizeRows(pixels, wide, image.height, image.width, width, rowsFirst, rowsWeights, alongRows.taps);
  resizeColumns(wide, result, height, 3 * width, columnsFirst, columnsWeights, alongColumns.taps);
  return memory.bytes(result, 3 * height * width).slice();
}

let assembled: readonly Uint8Array<ArrayBuffer>[] | null = null;

function modules(): readonly Uint8Array<ArrayBuffer>[] {
  assembled ??= [rowsModule(), columnsModule()];
  return assembled;
}

/** One pixel at a time: its three channels are three of four lanes; what the fourth writes, the next pixel overwrites. */
const rowsModule = () =>
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
          const pixel = i32.variable(from.add(i32.load(first.add(i.shl(2))).mul(3)), 'pixel');
          const sum = i32x4.variable(half, 'sum');
          const end = i32.variable(weight.add(taps.shl(2)), 'end');
          forRange(weight, end, 4, (tap) => {
            sum.set(sum.add(i32x4.load8U(pixel).mul(i32x4.loadSplat(tap))));
            pixel.set(pixel.add(3));
          });
          weight.set(end);
          storeLane(to, toBytes([sum, sum, sum, sum]), 0);
          to.set(to.add(3));
        });
        from.set(from.add(width.mul(3)));
      });
    },
  );

/** Sixteen bytes of a row at a time; what is beyond its end, the next row overwrites. */
const columnsModule = () =>
  assemble(
    'bytes_resize_columns',
    ['pixels', 'result', 'newHeight', 'rowBytes', 'first', 'weights', 'taps'],
    privateMemory,
    (pixels, result, newHeight, rowBytes, first, weights, taps) => {
      const to = i32.variable(result, 'to');
      const weight = i32.variable(weights, 'weight');
      forRange(0, newHeight, 1, (i) => {
        const row = i32.variable(pixels.add(i32.load(first.add(i.shl(2))).mul(rowBytes)), 'row');
        const end = i32.variable(weight.add(taps.shl(2)), 'end');
        forRange(0, rowBytes, 16, (j) => {
          const from = i32.variable(row.add(j), 'from');
          const sums = [0, 1, 2, 3].map(() => i32x4.variable(half, 'sum'));
          forRange(weight, end, 4, (tap) => {
            const factor = i32x4.variable(i32x4.loadSplat(tap), 'factor');
            for (const [four, sum] of sums.entries()) sum.set(sum.add(i32x4.load8U(from, 4 * four).mul(factor)));
            from.set(from.add(rowBytes));
          });
          store(to.add(j), toBytes(sums));
        });
        weight.set(end);
        to.set(to.add(rowBytes));
      });
    },
  );

/** Sixteen sums, or four of them four times, as the bytes that they are nearest to: each begins with a half. */
function toBytes(sums: readonly I32x4[]): I8x16 {
  const [a, b, c, d] = sums.map((sum) => sum.shrS(i32.const(weightBits)));
  return a.narrowS(b).narrowU(c.narrowS(d));
}
