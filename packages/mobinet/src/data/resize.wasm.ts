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

// The integer arithmetic of resize.ts in SIMD. It has a memory of its own, since decoding threads have no tensors.

/** A compiled pass over an image. It takes its parameters by name. */
type Pass<Name extends string> = (parameters: Readonly<Record<Name, number>>) => void;

const rowParameters = ['pixels', 'result', 'height', 'width', 'newWidth', 'first', 'weights', 'taps'] as const;
const columnParameters = ['pixels', 'result', 'newHeight', 'rowBytes', 'first', 'weights', 'taps'] as const;

/** A memory and the passes compiled so far: one per number of taps, since short loops are unrolled. */
interface Scaler {
  readonly memory: PrivateMemory;
  readonly rows: Map<number, Pass<(typeof rowParameters)[number]>>;
  readonly columns: Map<number, Pass<(typeof columnParameters)[number]>>;
}

let scaler: Scaler | null = null;

/** A larger memory is not kept for the next image. */
const maxKeptBytes = 64 * 2 ** 20;

/**
 * The fast form of `resizePlain`, to the last bit.
 * @returns u8 [height, width, 3], or null if there is not enough memory or the machine has no SIMD.
 */
export function resizeFast(image: Image, alongRows: Filter, alongColumns: Filter): Uint8Array | null {
  try {
    scaler ??= { memory: new PrivateMemory(), rows: new Map(), columns: new Map() };
    return run(scaler, image, alongRows, alongColumns);
  } catch (error) {
    if (['RangeError', 'CompileError'].includes((error as Error).name)) return null;
    throw error;
  } finally {
    if (scaler && scaler.memory.byteLength > maxKeptBytes) scaler = null;
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
    // Both passes may read and write up to 15 bytes past the end of an array, so at least 16 bytes after it stay free.
    end = (end + size + 31) & ~15;
  }
  memory.reserve(end);
  const [rowsFirst, rowsWeights, columnsFirst, columnsWeights, pixels, intermediate, result] = addresses;
  for (const [i, { first, weights }] of [alongRows, alongColumns].entries()) {
    memory.words(addresses[2 * i], first.length).set(first);
    memory.words(addresses[2 * i + 1], weights.length).set(weights);
  }
  memory.bytes(pixels, image.pixels.length).set(image.pixels);
  const resizeRows = passFor(rows, alongRows.taps, (unrolled) => compileRows(memory, unrolled));
  resizeRows({
    pixels,
    result: intermediate,
    height: image.height,
    width: image.width,
    newWidth: width,
    first: rowsFirst,
    weights: rowsWeights,
    taps: alongRows.taps,
  });
  const resizeColumns = passFor(columns, alongColumns.taps, (unrolled) => compileColumns(memory, unrolled));
  resizeColumns({
    pixels: intermediate,
    result,
    newHeight: height,
    rowBytes: 3 * width,
    first: columnsFirst,
    weights: columnsWeights,
    taps: alongColumns.taps,
  });
  return memory.bytes(result, 3 * height * width).slice();
}

/** Loops of at most this many taps are unrolled. */
const maxUnrolled = 8;

/** Returns the pass for a number of taps, and compiles it at its first use. */
function passFor<P>(known: Map<number, P>, taps: number, compile: (unrolled: number | null) => P): P {
  const unrolled = taps <= maxUnrolled ? taps : null;
  const key = unrolled ?? 0;
  const pass = known.get(key) ?? compile(unrolled);
  known.set(key, pass);
  return pass;
}

/** Compiles a pass whose body gets its parameters by name. */
function compilePass<Name extends string>(
  memory: PrivateMemory,
  name: string,
  names: readonly Name[],
  body: (parameters: Readonly<Record<Name, I32>>) => void,
): Pass<Name> {
  const module = assemble(name, names, privateMemory, (...values) =>
    body(Object.fromEntries(names.map((name, i) => [name, values[i]])) as Record<Name, I32>),
  );
  const pass = memory.load(module);
  return (parameters) => pass(...names.map((name) => parameters[name]));
}

/**
 * Emits the loop over the taps of an output: `body` gets each weight, and `at` advances by `stride` bytes after it.
 */
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

/**
 * Resizes one pixel at a time. Its channels fill three of four lanes; the next pixel overwrites what the fourth writes.
 */
const compileRows = (memory: PrivateMemory, unrolled: number | null) =>
  compilePass(
    memory,
    'bytes_resize_rows',
    rowParameters,
    ({ pixels, result, height, width, newWidth, first, weights, taps }) => {
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

/** Resizes sixteen bytes of a row at a time. The next row overwrites bytes written past the end of a row. */
const compileColumns = (memory: PrivateMemory, unrolled: number | null) =>
  compilePass(
    memory,
    'bytes_resize_columns',
    columnParameters,
    ({ pixels, result, newHeight, rowBytes, first, weights, taps }) => {
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

/** Rounds sixteen sums, or four sums four times, to bytes: each sum began with a half. */
function toBytes(sums: readonly I32x4[]): I8x16 {
  const [a, b, c, d] = sums.map((sum) => sum.shrS(i32.const(weightBits)));
  return a.narrowS(b).narrowU(c.narrowS(d));
}
