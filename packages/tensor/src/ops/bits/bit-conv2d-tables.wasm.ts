import { chunksOf } from '../../backends/cpu/dispatch.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { threadCount } from '../../backends/cpu/threads.js';
import { memoize } from '../../backends/memoize.js';
import { type BitTensor, wordsPerRow } from '../../bit-tensor.js';
import { range } from '../../range.js';
import type { Tensor } from '../../tensor.js';
import {
  forRange,
  type I8x16,
  type I16x8,
  type I32,
  i8x16,
  i16x8,
  i32,
  store,
  storeHalf,
  type Variable,
  when,
} from '../../wasm/assembler.js';
import { windowArguments, windowParameters } from '../window.wasm.js';
import type { BitConv2dAttributes } from './bit-conv2d-attributes.js';
import { type CountDType, countBytes } from './bit-gemm.wasm.js';
import { fillPlane } from './byte-plane.wasm.js';
import { countsAt, makeTables, outsideEntry, type TableShape, tableBytes, tablesBytes } from './byte-tables.wasm.js';

/**
 * Convolution of signs in small groups, by lookup tables.
 *
 * Eight channels are a byte of the image. If groups have 1, 2, 4 or 8 channels and as many filters, the eight output
 * channels at the same place depend on nothing else in a pixel. A byte has 256 values, so at each tap a table of 256
 * entries has, for every value, the number of its signs that differ from each of the eight filters: eight counts of a
 * byte. An output pixel is the sum of nine entries (of a 3×3 window), and no bits are counted.
 *
 * A vector holds the counts of two output pixels, one below the other. A row of the image that is under row k of the
 * window of the upper pixel is under row k − 1 of the lower one, and an entry has the counts of all rows, in the order
 * that makes these two neighbors: one load serves both pixels.
 *
 * The tables of eight channels take 24 KB, which fit into the first-level cache. Therefore all pixels of eight channels
 * are computed before the next eight channels.
 */
export function bitConv2dByTables(
  x: BitTensor,
  filter: BitTensor,
  y: Tensor<CountDType>,
  { window, paddingValue }: BitConv2dAttributes,
): void {
  const [batch, , , channels] = x.shape;
  const [, kernelHeight, kernelWidth, groupChannels] = filter.shape;
  const { height, width } = window;
  const rowsPerPass = height.stride === height.dilation ? 2 : 1;
  const planeWidth = (width.output - 1) * width.stride + (kernelWidth - 1) * width.dilation + 1;
  const planeRowBytes = 4 * planeWidth;
  const tail = (kernelHeight - 1) * height.dilation + (rowsPerPass - 1) * height.stride + 1;
  const { parts, blocks } = divideWork(channels * countBytes(y.dtype));
  const maxRows = Math.min(
    Math.floor((planeBytes / planeRowBytes - tail) / height.stride) + 1,
    Math.ceil(height.output / Math.ceil(parts / batch)),
  );
  const bandRows = Math.max(rowsPerPass, Math.min(height.output, maxRows - (maxRows % rowsPerPass)));
  const bands = Math.ceil(height.output / bandRows);
  const bandsOfPart = Math.ceil((batch * bands) / parts);
  const items = parts * (channels / 8) * bandsOfPart;
  const unit = items / (parts * blocks);
  const grain = chunksOf(items, bandRows * width.output * (0.5 + (kernelHeight * kernelWidth) / 6));
  const shape: TableShape = { kernelHeight, kernelWidth, groupChannels };
  const scratch = planeAt(shape) + planeRowBytes * ((bandRows - 1) * height.stride + tail);
  kernelsOf(y.dtype, groupChannels, rowsPerPass)(kernelHeight, kernelWidth, width.stride, width.dilation).run(
    {
      x,
      filter,
      y,
      batch,
      bands,
      bandRows,
      bandsOfPart,
      channels,
      planeWidth,
      pixelBytes: 4 * wordsPerRow(channels),
      // Entry 0 is that of eight +1.
      outside: paddingValue === 'zero' && padsWithZero(groupChannels) ? outsideEntry(shape) : 0,
      ...windowArguments(window),
    },
    items,
    { grain: Math.ceil(grain / unit) * unit, scratch },
  );
}

/** Bytes of a cache line. */
const cacheLine = 64;

/**
 * How threads divide the work. Eight counts are a small part of a cache line, so threads that write neighboring counts
 * would suffer from false sharing. If pixels are long, each thread has blocks of channels of its own. If not, each
 * thread has a part of the rows, and makes all tables for itself; then even adjacent cache lines, which processors
 * often prefetch in pairs, belong to one thread.
 */
function divideWork(pixelBytes: number): { parts: number; blocks: number } {
  const threads = threadCount();
  const blocks = pixelBytes / cacheLine;
  return Number.isInteger(blocks) && blocks >= 2 * threads ? { parts: 1, blocks } : { parts: threads, blocks: 1 };
}

/** Whether tables work for these filters, and there are enough pixels to make them pay off. */
export function hasTables(x: BitTensor, filter: BitTensor, { groups, window }: BitConv2dAttributes): boolean {
  const [outChannels, kernelHeight, kernelWidth, groupChannels] = filter.shape;
  const pixels = x.shape[0] * window.height.output * window.width.output;
  return (
    8 % groupChannels === 0 &&
    outChannels === groups * groupChannels &&
    outChannels % 8 === 0 &&
    kernelHeight * kernelWidth <= maxTaps &&
    pixels >= 8 * groupChannels
  );
}

/**
 * Whether the tables have an entry for the outside of an image that is padded with 0: half of the signs count as
 * different, and half of a single sign is not a whole number. Without it, the image is padded with +1.
 */
export const padsWithZero = (groupChannels: number): boolean => groupChannels > 1;

/** With this few taps, the counts fit into bytes. */
const maxTaps = 16;

/** Target size of the plane of a band, in bytes. It shares the first-level cache with the tables. */
const planeBytes = 6144;

/** Offsets in scratch memory, behind the tables: 16 bytes by which scalars are loaded as a vector, then the plane. */
const vectorAt = (shape: TableShape): number => tablesBytes(shape);
const planeAt = (shape: TableShape): number => vectorAt(shape) + 16;

/** Columns of output pixels in an iteration. */
const columnsPerPass = 4;

const parameters = {
  x: i32,
  filter: i32,
  y: i32,
  batch: i32,
  bands: i32,
  bandRows: i32,
  bandsOfPart: i32,
  channels: i32,
  planeWidth: i32,
  pixelBytes: i32,
  outside: i32,
  ...windowParameters,
};

/** The constants of the kernel, known when it is assembled. */
interface KernelShape extends TableShape {
  readonly strideX: number;
  readonly dilationX: number;
  readonly dtype: CountDType;
  /** 2 where one row of the image serves two output rows: if the vertical stride equals the dilation. */
  readonly rowsPerPass: 1 | 2;
}

const kernelsOf = memoize((dtype: CountDType, groupChannels: number, rowsPerPass: 1 | 2) =>
  memoize((kernelHeight: number, kernelWidth: number, strideX: number, dilationX: number) =>
    tablesKernel({ kernelHeight, kernelWidth, groupChannels, strideX, dilationX, dtype, rowsPerPass }),
  ),
);

/** The items are bands of rows of an image, for eight of its channels. Items of one part and octet are consecutive. */
function tablesKernel(shape: KernelShape): Kernel<typeof parameters> {
  const { kernelHeight, kernelWidth, groupChannels, strideX, dilationX, dtype, rowsPerPass } = shape;
  const step = [strideX, dilationX, rowsPerPass].join() === '1,1,2' ? '' : `_s${strideX}d${dilationX}r${rowsPerPass}`;
  const name = `bits_conv_${kernelHeight}x${kernelWidth}${step}_c${groupChannels}_${dtype}__lookup`;
  return new Kernel(name, parameters, (p, from, to, scratch) => {
    const taps = kernelHeight * kernelWidth;
    const bytes = countBytes(dtype);
    const all = i16x8.variable(i16x8.splat(i32.const(taps * groupChannels)), 'all');
    const plane = i32.variable(scratch.add(planeAt(shape)), 'plane');
    const built = i32.variable(-1, 'built');
    const octets = i32.variable(p.channels.shrU(3), 'octets');

    forRange(from, to, 1, (item) => {
      const set = i32.variable(item.divU(p.bandsOfPart), 'set');
      const octet = i32.variable(set.remU(octets), 'octet');
      when(octet.xor(built), () => {
        const filters = i32.variable(p.filter.add(octet.mul(8 * 4 * taps)), 'filters');
        makeTables(shape, filters, scratch, scratch.add(vectorAt(shape)));
        built.set(octet);
      });
      const band = i32.variable(set.divU(octets).mul(p.bandsOfPart).add(item.remU(p.bandsOfPart)), 'band');
      // The last part may have fewer bands.
      when(band.ltS(p.batch.mul(p.bands)), () => {
        const image = i32.variable(band.divU(p.bands), 'image');
        const firstRow = i32.variable(band.remU(p.bands).mul(p.bandRows), 'firstRow');
        const rows = i32.variable(p.outHeight.sub(firstRow).minU(p.bandRows), 'rows');
        const wholeRows = rowsPerPass === 1 ? rows : rows.add(1).and(-2);
        fillPlane(p, { image, octet, firstRow, rows: wholeRows, kernelHeight }, { tables: scratch, plane, shape });

        const pixelStep = i32.variable(p.channels.mul(bytes), 'pixelStep');
        const rowStep = i32.variable(p.outWidth.mul(pixelStep), 'rowStep');
        const firstPixel = image.mul(p.outHeight).add(firstRow).mul(p.outWidth);
        const target = i32.variable(p.y.add(firstPixel.mul(pixelStep)).add(octet.mul(8 * bytes)), 'target');
        const planeStep = i32.variable(p.planeWidth.mul(4), 'planeStep');
        const inputRows = kernelHeight + rowsPerPass - 1;

        /** The counts of a column of one or two pixels. One sum is finished before the next, so few are in registers. */
        const countsOf = (rowAt: readonly Variable<I32>[], column: number): I8x16 => {
          const entries = rowAt.flatMap((at, ki) =>
            range(kernelWidth).map((kj) => {
              const entry = i32.load(at, 4 * (column * strideX + kj * dilationX));
              return i8x16.load(entry, kj * tableBytes(shape) + countsAt(shape, ki));
            }),
          );
          return i8x16.variable(
            entries.reduce((sum, entry) => sum.add(entry)),
            'counts',
          );
        };
        const columns = (rowAt: readonly Variable<I32>[], count: number, isLast: boolean): void => {
          for (let column = 0; column < count; column++) {
            const counts = countsOf(rowAt, column);
            storeCounts(dtype, target, counts, 0, all);
            if (rowsPerPass === 2 && !isLast) storeCounts(dtype, target.add(rowStep), counts, 1, all);
            target.set(target.add(pixelStep));
          }
          for (const at of rowAt) at.set(at.add(4 * count * strideX));
        };
        const pass = (row: I32, isLast: boolean): void => {
          const first = i32.variable(plane.add(row.mul(p.strideY).mul(planeStep)), 'first');
          const rowAt = range(inputRows).map((ki) =>
            i32.variable(first.add(p.dilationY.mul(ki).mul(planeStep)), `row${ki}`),
          );
          const whole = i32.variable(p.outWidth.and(-columnsPerPass), 'whole');
          forRange(0, whole, columnsPerPass, () => columns(rowAt, columnsPerPass, isLast));
          forRange(whole, p.outWidth, 1, () => columns(rowAt, 1, isLast));
        };
        const pairs = i32.variable(rows.and(-rowsPerPass), 'pairs');
        forRange(0, pairs, rowsPerPass, (row) => {
          pass(row, false);
          if (rowsPerPass === 2) target.set(target.add(rowStep));
        });
        if (rowsPerPass === 2) when(rows.and(1), () => pass(pairs, true));
      });
    });
  });
}

/** Statement that stores eight counts of differing signs, half of a vector of bytes, as elements of the dtype. */
function storeCounts(dtype: CountDType, target: I32, differences: I8x16, half: 0 | 1, all: I16x8): void {
  if (dtype === 'u8') {
    storeHalf(target, differences, half);
    return;
  }
  const wide = half === 0 ? differences.toI16x8LowU() : differences.toI16x8HighU();
  const counts = i16x8.variable(all.sub(wide.shl(i32.const(1))), 'counts');
  if (dtype === 'i16') {
    store(target, counts);
    return;
  }
  store(target, counts.toI32x4LowS());
  store(target, counts.toI32x4HighS(), 16);
}
