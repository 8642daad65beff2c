import { chunksOf } from '../../backends/cpu/dispatch.js';
import { Kernel, kernelFamily } from '../../backends/cpu/kernel.js';
import { threadCount } from '../../backends/cpu/threads.js';
import { type BitTensor, wordsPerRow } from '../../bit-tensor.js';
import type { Tensor } from '../../tensor.js';
import {
  forRange,
  type I8x16,
  type I32,
  type I64,
  i8x16,
  i16x8,
  i32,
  i64,
  store,
  type Variable,
  when,
} from '../../wasm/assembler.js';
import type { Window } from '../window.js';
import { windowArguments, windowParameters } from '../window.wasm.js';
import type { BitConv2dAttributes } from './bit-conv2d-attributes.js';
import { type CountDType, countBytes } from './bit-gemm.wasm.js';

/**
 * Convolution of signs in small groups, by tables. Eight channels are a byte of the image, and where groups have 1, 2, 4 or 8
 * channels and as many filters, the eight output channels at the same place see nothing else of a pixel. A byte has 256 values:
 * so for each tap there is a table of 256 entries, and entry v holds, in eight bytes, how many signs of v differ from each of the
 * eight filters. An output pixel is a sum of nine entries (of a 3×3 window), eight counts at a time: no bit is counted.
 *
 * Tables of eight channels, 18 KB, fit into the first-level cache, and are made with one addition an entry: so all pixels of eight
 * channels are done before the next eight are begun.
 */
export function bitConv2dByTables(x: BitTensor, filter: BitTensor, y: Tensor<CountDType>, window: Window): void {
  const [batch, , , channels] = x.shape;
  const [, kernelHeight, kernelWidth, groupChannels] = filter.shape;
  const { height, width } = window;
  const taps = kernelHeight * kernelWidth;
  const planeWidth = (width.output - 1) * width.stride + (kernelWidth - 1) * width.dilation + 1;
  const tail = (kernelHeight - 1) * height.dilation + 1;
  const { parts, blocks } = divisionOf(channels * countBytes(y.dtype));
  const mostRows = Math.min(
    Math.floor((planeBytes / (4 * planeWidth) - tail) / height.stride) + 1,
    Math.ceil(height.output / Math.ceil(parts / batch)),
  );
  const bandRows = Math.max(1, Math.min(height.output, mostRows));
  const bands = Math.ceil(height.output / bandRows);
  const bandsOfPart = Math.ceil((batch * bands) / parts);
  const items = parts * (channels / 8) * bandsOfPart;
  const unit = items / (parts * blocks);
  const grain = chunksOf(items, bandRows * width.output * (0.5 + taps / 4));
  const scratch = planeAt(taps) + 4 * planeWidth * ((bandRows - 1) * height.stride + tail);
  tablesKernel(kernelHeight, kernelWidth, groupChannels, width.stride, width.dilation, y.dtype).run(
    {
      ...{ x, filter, y, batch, bands, bandRows, bandsOfPart, channels, planeWidth },
      ...{ pixelBytes: 4 * wordsPerRow(channels), ...windowArguments(window) },
    },
    items,
    { grain: Math.ceil(grain / unit) * unit, scratch },
  );
}

/** Bytes that processors exchange at once. */
const cacheLine = 64;

/**
 * How threads divide the work. Eight counts are a small part of a cache line, so threads that write counts beside each other's would take
 * it from one another again and again. If pixels are long, each thread has blocks of channels of its own; if not, a part of the rows, and
 * makes all tables for itself: then two lines beside each other, of which processors like to fetch both, are one thread's, too.
 */
function divisionOf(pixelBytes: number): { parts: number; blocks: number } {
  const threads = threadCount();
  const blocks = pixelBytes / cacheLine;
  return Number.isInteger(blocks) && blocks >= 2 * threads ? { parts: 1, blocks } : { parts: threads, blocks: 1 };
}

/**
 * Whether there are tables for these filters, and so many pixels that they pay. Eight counts at a time are written here and there: larger
 * ones than bytes take longer so than groups of 8 channels take to count.
 */
export function hasTables(
  x: BitTensor,
  filter: BitTensor,
  dtype: CountDType,
  { groups, window }: BitConv2dAttributes,
): boolean {
  const [outChannels, kernelHeight, kernelWidth, groupChannels] = filter.shape;
  const pixels = x.shape[0] * window.height.output * window.width.output;
  return (
    8 % groupChannels === 0 &&
    (groupChannels < 8 || dtype === 'u8') &&
    outChannels === groups * groupChannels &&
    outChannels % 8 === 0 &&
    kernelHeight * kernelWidth <= mostTaps &&
    pixels >= 8 * groupChannels
  );
}

/** Tables of more taps leave the first-level cache. Their sums fit into bytes. */
const mostTaps = 16;

/** Bytes of the table of one tap: 256 entries of 8. */
const tableBytes = 2048;

/** About so many bytes of a band of the image are in the first-level cache, beside the tables. */
const planeBytes = 8192;

/** Where in scratch memory the plane lies: behind the tables, and sixteen bytes for what has to become a vector. */
const vectorAt = (taps: number): number => taps * tableBytes;
const planeAt = (taps: number): number => vectorAt(taps) + 16;

/** Output pixels of a row that are done at once: what they read in common of the plane is read once. */
const pixelsAtOnce = 4;

const parameters = {
  ...{ x: i32, filter: i32, y: i32, batch: i32, bands: i32, bandRows: i32, bandsOfPart: i32 },
  ...{ channels: i32, planeWidth: i32, pixelBytes: i32, ...windowParameters },
};

/** Each item is a band of rows of one image, eight channels of it. Items of the same part and channels follow each other. */
const tablesKernel = kernelFamily(
  (
    kernelHeight: number,
    kernelWidth: number,
    groupChannels: number,
    strideX: number,
    dilationX: number,
    dtype: CountDType,
  ) => {
    const step = strideX === 1 && dilationX === 1 ? '' : `_s${strideX}d${dilationX}`;
    const name = `bits_conv_${kernelHeight}x${kernelWidth}${step}_c${groupChannels}_${dtype}__lookup`;
    return new Kernel(name, parameters, (p, from, to, scratch) => {
      const taps = kernelHeight * kernelWidth;
      const bytes = countBytes(dtype);
      const all = i16x8.variable(i16x8.splat(i32.const(taps * groupChannels)), 'all');
      const plane = i32.variable(scratch.add(planeAt(taps)), 'plane');
      const built = i32.variable(-1, 'built');
      const eights = i32.variable(p.channels.shrU(3), 'eights');

      forRange(from, to, 1, (item) => {
        const set = i32.variable(item.divU(p.bandsOfPart), 'set');
        const eight = i32.variable(set.remU(eights), 'eight');
        when(eight.xor(built), () => {
          const filters = i32.variable(p.filter.add(eight.mul(8 * 4 * taps)), 'filters');
          makeTables(filters, taps, groupChannels, scratch);
          built.set(eight);
        });
        const band = i32.variable(set.divU(eights).mul(p.bandsOfPart).add(item.remU(p.bandsOfPart)), 'band');
        // The last part may be smaller.
        when(band.ltS(p.batch.mul(p.bands)), () => {
          const image = i32.variable(band.divU(p.bands), 'image');
          const firstRow = i32.variable(band.remU(p.bands).mul(p.bandRows), 'firstRow');
          const rows = i32.variable(p.outHeight.sub(firstRow).minU(p.bandRows), 'rows');
          fillPlane(p, { image, eight, firstRow, rows, kernelHeight }, scratch, plane);

          const pixelStep = i32.variable(p.channels.mul(bytes), 'pixelStep');
          const firstPixel = image.mul(p.outHeight).add(firstRow).mul(p.outWidth);
          const target = i32.variable(p.y.add(firstPixel.mul(pixelStep)).add(eight.mul(8 * bytes)), 'target');
          const pixels = (rowAt: readonly Variable<I32>[], count: number): void => {
            const sums = Array.from({ length: count }, (_, pixel) => i64.variable(0, `sum${pixel}`));
            const entry = i32.variable(undefined, 'entry');
            for (const [ki, at] of rowAt.entries()) {
              for (const [column, readers] of readersOf(count, kernelWidth, strideX, dilationX)) {
                entry.set(i32.load(at, 4 * column));
                for (const { pixel, kj } of readers) {
                  const tap = ki * kernelWidth + kj;
                  sums[pixel].set(sums[pixel].add(i64.load(entry, tap * tableBytes)));
                }
              }
              at.set(at.add(4 * count * strideX));
            }
            for (const sum of sums) {
              storeCounts(dtype, target, sum, all, scratch.add(vectorAt(taps)));
              target.set(target.add(pixelStep));
            }
          };
          const whole = i32.variable(p.outWidth.and(-pixelsAtOnce), 'whole');
          const planeStep = i32.variable(p.planeWidth.mul(4), 'planeStep');
          forRange(0, rows, 1, (row) => {
            const first = i32.variable(plane.add(row.mul(p.strideY).mul(planeStep)), 'first');
            const rowAt = Array.from({ length: kernelHeight }, (_, ki) =>
              i32.variable(first.add(p.dilationY.mul(ki).mul(planeStep)), `row${ki}`),
            );
            forRange(0, whole, pixelsAtOnce, () => pixels(rowAt, pixelsAtOnce));
            forRange(whole, p.outWidth, 1, () => pixels(rowAt, 1));
          });
        });
      });
    });
  },
);

/** Which columns of the plane a run of output pixels reads, and with which tap of which pixel. */
function readersOf(pixels: number, kernelWidth: number, stride: number, dilation: number) {
  const readers = new Map<number, { pixel: number; kj: number }[]>();
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let kj = 0; kj < kernelWidth; kj++) {
      const column = pixel * stride + kj * dilation;
      readers.set(column, [...(readers.get(column) ?? []), { pixel, kj }]);
    }
  }
  return readers;
}

/**
 * The tables of eight filters. Entry 0 counts the −1 of each filter, and each bit of an entry's number adds one to it, or takes one
 * away, for each filter that sees this bit. Two entries are a vector.
 */
function makeTables(filters: I32, taps: number, groupChannels: number, tables: I32): void {
  const vector = i32.variable(tables.add(vectorAt(taps)), 'vector');
  const [source, table] = [i32.variable(filters, 'source'), i32.variable(tables, 'table')];
  const one = i8x16.const(1);
  forRange(0, i32.const(taps), 1, () => {
    // The filters' bits, where their channels are in the byte.
    const bytes = Array.from({ length: 8 }, (_, filter) => {
      const group = Math.floor(filter / groupChannels) * groupChannels;
      const bits = i32.load8U(source, 4 * taps * filter).toI64U();
      return bits.shl(group + 8 * filter);
    });
    const joined = i64.variable(
      bytes.reduce((all, byte) => all.or(byte)),
      'joined',
    );
    for (const half of [0, 8]) store(vector, joined, half);
    const filterBits = i8x16.variable(i8x16.load(vector), 'filterBits');
    const isMinus = Array.from({ length: 8 }, (_, bit) => {
      const mask = i8x16.const(1 << bit);
      return i8x16.variable(filterBits.and(mask).eq(mask), `isMinus${bit}`);
    });
    const ofBit = (bit: number): I8x16 => {
      // −1 where the filter is −1 as well, else 1; 0 for a filter of another group.
      const seen = Array.from({ length: 16 }, (_, lane) => (sameGroup(lane % 8, bit, groupChannels) ? -1 : 0));
      return one
        .add(isMinus[bit])
        .add(isMinus[bit])
        .and(i8x16.const(...seen));
    };
    const minusOnes = isMinus.reduce<I8x16>((sum, minus) => sum.sub(minus), i8x16.const(0));
    const odd = i8x16.const(...Array.from({ length: 16 }, (_, lane) => (lane < 8 ? 0 : -1)));
    // Entries that differ in their low four bits alone are eight vectors: what the high bits add is the same for all of them.
    const low = [i8x16.variable(minusOnes.add(ofBit(0).and(odd)), 'low0')];
    for (const bit of [1, 2, 3]) {
      const more = i8x16.variable(ofBit(bit), 'more');
      low.push(...low.map((entries) => i8x16.variable(entries.add(more), 'low')));
    }
    const high = [i8x16.variable(0, 'high0')];
    for (const bit of [4, 5, 6, 7]) {
      const more = i8x16.variable(ofBit(bit), 'more');
      high.push(...high.map((entries) => i8x16.variable(entries.add(more), 'high')));
    }
    high.forEach((more, h) => {
      low.forEach((entries, l) => {
        store(table, entries.add(more), 16 * (low.length * h + l));
      });
    });
    source.set(source.add(4));
    table.set(table.add(tableBytes));
  });
}

const sameGroup = (a: number, b: number, size: number): boolean => Math.floor(a / size) === Math.floor(b / size);

/**
 * What a band of output rows reads of eight channels: for each pixel, border included, the address of its byte's entry in the first
 * table. The border is +1: entry 0.
 */
function fillPlane(
  p: { readonly [K in keyof typeof parameters]: Variable<I32> },
  {
    image,
    eight,
    firstRow,
    rows,
    kernelHeight,
  }: { [K in 'image' | 'eight' | 'firstRow' | 'rows']: I32 } & { kernelHeight: number },
  tables: I32,
  plane: I32,
): void {
  const at = i32.variable(plane, 'planeAt');
  const border = (count: I32): void =>
    forRange(0, count, 1, () => {
      store(at, tables);
      at.set(at.add(4));
    });
  const firstInput = i32.variable(firstRow.mul(p.strideY).sub(p.top), 'firstInput');
  const planeRows = rows
    .sub(1)
    .mul(p.strideY)
    .add(p.dilationY.mul(kernelHeight - 1))
    .add(1);
  const left = i32.variable(p.left.minU(p.planeWidth), 'leftBorder');
  const inside = i32.variable(p.planeWidth.sub(left).minU(p.width), 'inside');
  const whole = i32.variable(inside.and(-pixelsAtOnce), 'whole');
  forRange(firstInput, firstInput.add(planeRows), 1, (row) => {
    when(
      row.ltU(p.height),
      () => {
        const source = image.mul(p.height).add(row).mul(p.width).mul(p.pixelBytes);
        const xAt = i32.variable(p.x.add(source).add(eight), 'xAt');
        border(left);
        const copy = (count: number): void => {
          for (let pixel = 0; pixel < count; pixel++) {
            store(at, tables.add(i32.load8U(xAt).shl(3)), 4 * pixel);
            xAt.set(xAt.add(p.pixelBytes));
          }
          at.set(at.add(4 * count));
        };
        forRange(0, whole, pixelsAtOnce, () => copy(pixelsAtOnce));
        forRange(whole, inside, 1, () => copy(1));
        border(p.planeWidth.sub(left).sub(inside));
      },
      () => border(p.planeWidth),
    );
  });
}

/** Statement: eight counts of signs that differ, a byte each, as what the dtype holds. */
function storeCounts(
  dtype: CountDType,
  target: I32,
  differences: I64,
  all: ReturnType<typeof i16x8.splat>,
  vector: I32,
): void {
  if (dtype === 'u8') {
    store(target, differences);
    return;
  }
  store(vector, differences);
  const counts = i16x8.variable(all.sub(i16x8.load8U(vector).shl(i32.const(1))), 'counts');
  if (dtype === 'i16') {
    store(target, counts);
    return;
  }
  store(target, counts.toI32x4LowS());
  store(target, counts.toI32x4HighS(), 16);
}
