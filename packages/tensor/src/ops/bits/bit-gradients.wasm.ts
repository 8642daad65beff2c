import { withTemporary } from '../../backends/cpu/heap.js';
import { type Argument, Kernel, type KernelParameters, kernelFamily, type ParameterTypes } from '../../backends/cpu/kernel.js';
import { threadCount } from '../../backends/cpu/threads.js';
import {
  type F32x4,
  f32x4,
  forRange,
  type I32,
  i32,
  select,
  store,
  storeLane,
  transpose4x4,
  when,
} from '../../wasm/assembler.js';
import {
  chunkRows,
  indexBytes,
  laneBytes,
  lookUpChunk,
  packIndices,
  tableBytes,
  tableRows,
} from './lookup.wasm.js';

// The gradients of Y = X·Fᵀ for signs X [pixels, channels] and F [filters, channels], given dY [pixels, filters] in floats:
//
//     dX = dY·F     32 pixels are the lanes, the filters are summed over, and the signs are F's
//     dF = dYᵀ·X    32 filters are the lanes, the pixels are summed over, and the signs are X's
//
// Both read the sign matrix along its second axis, as it is packed.

/** The product's sizes. */
export interface BitProduct {
  readonly pixels: number;
  readonly filters: number;
  readonly channels: number;
}

/** What becomes of dX before it is stored: code of the one who asks, so that dX need not be read and written again. */
export interface Epilogue<P extends ParameterTypes> {
  /** Tells kernels with different epilogues apart. */
  readonly name: string;
  readonly parameters: P;
  /** Statements for a pixel, once. */
  readonly row: (parameters: KernelParameters<P>, pixel: I32) => RowEpilogue;
}

/** What becomes of four elements of a row, which begin offset + constant bytes into it. */
type RowEpilogue = (value: F32x4, offset: I32, constant: number) => F32x4;

const lanes = laneBytes / 4;

/** No results are divided finer than this among threads: each part makes its own tables. */
const leastOutputs = 128;

/** Into how many parts the outputs of each block of lanes are divided, so that all threads have work. */
function partsOf(blocks: number, outputs: number): number {
  if (threadCount() === 1) return 1;
  const wanted = Math.ceil((6 * threadCount()) / blocks);
  return Math.max(1, Math.min(wanted, Math.floor(outputs / leastOutputs)));
}

/**
 * dX [pixels, channels] = (dY·scale)·F, through the epilogue.
 * @param scale A factor for each filter, or null. @param filter Packed rows. All are addresses.
 */
export function inputGradientByLookup<P extends ParameterTypes>(
  { pixels, filters, channels }: BitProduct,
  dy: number,
  filter: number,
  scale: number | null,
  dx: number,
  epilogue: Epilogue<P>,
  args: { readonly [K in keyof P]: Argument },
): void {
  const g = tableRows(channels);
  const blocks = Math.ceil(pixels / lanes);
  const parts = partsOf(blocks, channels);
  withTemporary(indexBytes(filters, channels, g), (indices) => {
    packIndices(filters, channels, g, filter, indices);
    inputGradientKernel(g, scale !== null, epilogue).run(
      {
        ...{ dy, scale: scale ?? 0, dx, indices, pixels, filters, channels, parts },
        ...{ chunkBytes: indexBytes(1, channels, g), ...args },
      } as Record<keyof P | keyof typeof inputParameters, Argument>,
      blocks * parts,
      { grain: 1, scratch: scratchBytes(g, channels) },
    );
  });
}

/** The tables, then a chunk of rows, then the sums of all outputs. */
const scratchBytes = (g: number, outputs: number): number =>
  tableBytes(g) + laneBytes * (chunkRows(g) + Math.ceil(outputs / 4) * 4);

const inputParameters = {
  ...{ dy: i32, scale: i32, dx: i32, indices: i32, pixels: i32, filters: i32, channels: i32 },
  ...{ parts: i32, chunkBytes: i32 },
};

const inputGradientKernels = new Map<string, Kernel<ParameterTypes>>();

function inputGradientKernel<P extends ParameterTypes>(
  g: number,
  scales: boolean,
  epilogue: Epilogue<P>,
): Kernel<P & typeof inputParameters> {
  const name = `bits_input_gradient_g${g}${scales ? '_scaled' : ''}_${epilogue.name}__lookup`;
  let kernel = inputGradientKernels.get(name);
  if (!kernel) {
    kernel = makeInputGradientKernel(name, g, scales, epilogue) as unknown as Kernel<ParameterTypes>;
    inputGradientKernels.set(name, kernel);
  }
  return kernel as unknown as Kernel<P & typeof inputParameters>;
}

function makeInputGradientKernel<P extends ParameterTypes>(
  name: string,
  g: number,
  scales: boolean,
  epilogue: Epilogue<P>,
): Kernel<typeof inputParameters & P> {
  const parameters = { ...inputParameters, ...epilogue.parameters };
  return new Kernel(name, parameters, (all, from, to, scratch) => {
    const p = all as KernelParameters<typeof inputParameters>;
    const rows = i32.variable(scratch.add(tableBytes(g)), 'rows');
    const sums = i32.variable(rows.add(chunkRows(g) * laneBytes), 'sums');
    const rowBytes = i32.const(laneBytes);
    forRange(from, to, 1, (item) => {
      const pixel = i32.variable(item.divU(p.parts).mul(lanes), 'pixel');
      const [channel, outputs] = partOf(item.remU(p.parts), p.parts, p.channels);
      const indices = i32.variable(p.indices.add(channel.mul(8)), 'indices');
      forRange(0, p.filters, chunkRows(g), (filter) => {
        const rowsLeft = i32.variable(p.filters.sub(filter), 'rowsLeft');
        turnIn(g, p, pixel, filter, rows, scales);
        forRange(rowsLeft.mul(laneBytes), i32.const(chunkRows(g) * laneBytes), 16, (at) => store(rows.add(at), f32x4.const(0)));
        lookUpChunk(g, { rows, rowBytes, rowsLeft, indices, sums, outputs, tables: scratch, adds: filter });
        indices.set(indices.add(p.chunkBytes));
      });
      turnOut(sums, outputs, p.pixels.sub(pixel), p.dx, p.channels, pixel, channel, (row) =>
        epilogue.row(all as KernelParameters<P>, row),
      );
    });
  });
}

/** The first output of a part, a multiple of 16, and how many it has. */
function partOf(part: I32, parts: I32, outputs: I32): [first: I32, count: I32] {
  const size = i32.variable(outputs.add(parts).sub(1).divU(parts).add(15).and(-16), 'partSize');
  const first = i32.variable(size.mul(part), 'first');
  return [first, i32.variable(size.min(outputs.sub(first)), 'outputs')];
}

/**
 * Columns of 32 rows of dY [pixels, filters] as rows of 32 lanes, as many as a chunk has: squares of four by four are turned
 * over. Pixels beyond the last repeat it.
 */
function turnIn(
  g: number,
  { dy, scale, pixels, filters }: KernelParameters<typeof inputParameters>,
  pixel: I32,
  filter: I32,
  rows: I32,
  scales: boolean,
): void {
  const last = i32.variable(pixels.sub(1), 'last');
  const firstByte = i32.variable(filter.mul(4), 'firstByte');
  const factor = i32.variable(scale.add(firstByte), 'factor');
  forRange(0, i32.const(lanes), 4, (lane) => {
    const source = [0, 1, 2, 3].map((i) =>
      i32.variable(dy.add(pixel.add(lane).add(i).min(last).mul(filters).mul(4)).add(firstByte), `source${i}`),
    );
    const target = i32.variable(rows.add(lane.mul(4)), 'target');
    for (let column = 0; column < chunkRows(g); column += 4) {
      const square = source.map((row) => {
        const value = f32x4.load(row, 4 * column);
        return f32x4.variable(scales ? value.mul(f32x4.load(factor, 4 * column)) : value);
      });
      transpose4x4(square).forEach((row, i) => {
        store(target, row, (column + i) * laneBytes);
      });
    }
  });
}

/**
 * C [outputs, 32] as 32 rows of a matrix [rows, columns], from row `row` and column `column` on, as far as it has them.
 * Rows that it has not take the place of the first of their four, and are overwritten by it.
 */
function turnOut(
  sums: I32,
  outputs: I32,
  rowsLeft: I32,
  target: I32,
  columns: I32,
  row: I32,
  column: I32,
  finish: (row: I32) => RowEpilogue,
): void {
  forRange(0, outputs, columnsAtOnce, (done) => {
    const count = i32.variable(outputs.sub(done).min(i32.const(columnsAtOnce)), 'count');
    const first = i32.variable(column.add(done).mul(4), 'firstByte');
    const block = i32.variable(sums.add(done.mul(laneBytes)), 'block');
    forRange(0, rowsLeft.min(i32.const(lanes)), 4, (lane) => {
      const rows = [0, 1, 2, 3].map((i) => {
        const own = lane.add(i);
        return i32.variable(row.add(i === 0 ? own : select(own.ltS(rowsLeft), own, lane)), `row${i}`);
      });
      const targets = rows.map((row, i) => i32.variable(target.add(row.mul(columns).mul(4)).add(first), `target${i}`));
      const finishes = rows.map((row) => finish(row));
      const source = i32.variable(block.add(lane.mul(4)), 'source');
      const offset = i32.variable(first, 'offset');
      // Four elements of each row; the s-th from where the addresses point to.
      const square = (s: number, put: (target: I32, value: F32x4) => void): void => {
        const outputs = [0, 1, 2, 3].map((k) => f32x4.variable(f32x4.load(source, (4 * s + k) * laneBytes)));
        const values = transpose4x4(outputs).map((value, i) => f32x4.variable(finishes[i](value, offset, 16 * s)));
        for (const i of [3, 2, 1, 0]) put(targets[i], values[i]);
      };
      const squares = (count: number): void => {
        for (let s = 0; s < count; s++) square(s, (target, value) => store(target, value, 16 * s));
        source.set(source.add(4 * laneBytes * count));
        for (const at of [...targets, offset]) at.set(at.add(16 * count));
      };
      const whole = i32.variable(count.and(-16), 'whole');
      forRange(0, whole, 16, () => squares(4));
      forRange(whole, count.sub(3), 4, () => squares(1));
      const rest = i32.variable(count.and(3), 'rest');
      when(rest, () =>
        square(0, (target, value) => {
          for (const k of [0, 1, 2]) when(rest.gtS(k), () => storeLane(target, value, k, 4 * k));
        }),
      );
    });
  });
}

/** Columns that are turned out at a time: what is read of C, 16 bytes of each row at a time, stays in the first-level cache. */
const columnsAtOnce = 64;

/** dF [filters, channels] = dYᵀ·X, from the packed rows of X. All are addresses. */
export function filterGradientByLookup(
  { pixels, filters, channels }: BitProduct,
  dy: number,
  x: number,
  df: number,
): void {
  const g = tableRows(channels);
  const blocks = Math.ceil(filters / lanes);
  const parts = partsOf(blocks, channels);
  withTemporary(indexBytes(pixels, channels, g), (indices) => {
    packIndices(pixels, channels, g, x, indices);
    filterGradientKernel(g).run(
      { dy, df, indices, pixels, filters, channels, parts, chunkBytes: indexBytes(1, channels, g) },
      blocks * parts,
      { grain: 1, scratch: scratchBytes(g, channels) },
    );
  });
}

const filterGradientKernel = kernelFamily(
  (g: number) =>
    new Kernel(
      `bits_filter_gradient_g${g}__lookup`,
      { dy: i32, df: i32, indices: i32, pixels: i32, filters: i32, channels: i32, parts: i32, chunkBytes: i32 },
      (p, from, to, scratch) => {
        const tail = i32.variable(scratch.add(tableBytes(g)), 'tail');
        const sums = i32.variable(tail.add(chunkRows(g) * laneBytes), 'sums');
        const rowBytes = i32.variable(p.filters.mul(4), 'rowBytes');
        forRange(from, to, 1, (item) => {
          const filter = i32.variable(item.divU(p.parts).mul(lanes), 'filter');
          const [channel, outputs] = partOf(item.remU(p.parts), p.parts, p.channels);
          const source = i32.variable(p.dy.add(filter.mul(4)), 'source');
          const step = i32.variable(rowBytes, 'step');
          const indices = i32.variable(p.indices.add(channel.mul(8)), 'indices');
          forRange(0, p.pixels, chunkRows(g), (pixel) => {
            const rowsLeft = i32.variable(p.pixels.sub(pixel), 'rowsLeft');
            when(rowsLeft.ltS(chunkRows(g)), () => {
              copyTail(source, rowBytes, rowsLeft, tail, g);
              source.set(tail);
              step.set(i32.const(laneBytes));
            });
            const chunk = { rows: source, rowBytes: step, rowsLeft, indices, sums, outputs, tables: scratch, adds: pixel };
            lookUpChunk(g, chunk);
            source.set(source.add(step.mul(chunkRows(g))));
            indices.set(indices.add(p.chunkBytes));
          });
          turnOut(sums, outputs, p.filters.sub(filter), p.df, p.channels, filter, channel, () => (value) => value);
        });
      },
    ),
);

/** The last rows, fewer than a chunk, with rows of 0 after them. */
function copyTail(rows: I32, rowBytes: I32, count: I32, target: I32, g: number): void {
  const source = i32.variable(rows, 'tailSource');
  forRange(0, i32.const(chunkRows(g)), 1, (row) => {
    const at = i32.variable(target.add(row.mul(laneBytes)), 'tailTarget');
    const copy = (value: (v: number) => F32x4): void => {
      for (let v = 0; v < laneBytes; v += 16) store(at, value(v), v);
    };
    when(
      row.ltS(count),
      () => copy((v) => f32x4.load(source, v)),
      () => copy(() => f32x4.const(0)),
    );
    source.set(source.add(rowBytes));
  });
}
