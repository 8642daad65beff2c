import { chunksOf } from '../../backends/cpu/dispatch.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { threadCount } from '../../backends/cpu/threads.js';
import { memoize } from '../../backends/memoize.js';
import { type BitTensor, wordsPerRow } from '../../bit-tensor.js';
import type { Tensor } from '../../tensor.js';
import {
  forRange,
  type I16x8,
  type I32,
  type I64,
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
import { fillPlane } from './byte-plane.wasm.js';
import { makeByteTables, tableBytes } from './byte-tables.wasm.js';

/**
 * Convolution of signs in small groups, by lookup tables.
 *
 * Eight channels are a byte of the image. If groups have 1, 2, 4 or 8 channels and as many filters, the eight output
 * channels at the same place depend on nothing else in a pixel. A byte has 256 values, so there is a table of 256
 * entries for each tap. Entry v has, in eight bytes, the number of signs in v that differ from each of the eight
 * filters. An output pixel is the sum of nine entries (of a 3×3 window), which are eight counts each, and no bits are
 * counted.
 *
 * The tables of eight channels take 18 KB, which fit into the first-level cache, and one addition per entry. Therefore
 * all pixels of eight channels are computed before the next eight channels.
 */
export function bitConv2dByTables(x: BitTensor, filter: BitTensor, y: Tensor<CountDType>, window: Window): void {
  const [batch, , , channels] = x.shape;
  const [, kernelHeight, kernelWidth, groupChannels] = filter.shape;
  const { height, width } = window;
  const taps = kernelHeight * kernelWidth;
  const planeWidth = (width.output - 1) * width.stride + (kernelWidth - 1) * width.dilation + 1;
  const tail = (kernelHeight - 1) * height.dilation + 1;
  const { parts, blocks } = divideWork(channels * countBytes(y.dtype));
  const maxRows = Math.min(
    Math.floor((planeBytes / (4 * planeWidth) - tail) / height.stride) + 1,
    Math.ceil(height.output / Math.ceil(parts / batch)),
  );
  const bandRows = Math.max(1, Math.min(height.output, maxRows));
  const bands = Math.ceil(height.output / bandRows);
  const bandsOfPart = Math.ceil((batch * bands) / parts);
  const items = parts * (channels / 8) * bandsOfPart;
  const unit = items / (parts * blocks);
  const grain = chunksOf(items, bandRows * width.output * (0.5 + taps / 4));
  const scratch = planeAt(taps) + 4 * planeWidth * ((bandRows - 1) * height.stride + tail);
  kernelsOf(y.dtype, groupChannels)(kernelHeight, kernelWidth, width.stride, width.dilation).run(
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

/**
 * Whether tables work for these filters, and there are enough pixels to make them pay off. The kernel writes eight
 * counts at a time to scattered addresses. With counts larger than bytes, this takes longer than counting the bits of
 * groups of 8 channels.
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
    kernelHeight * kernelWidth <= maxTaps &&
    pixels >= 8 * groupChannels
  );
}

/** The tables of more taps would not fit into the first-level cache. With this few, the sums fit into bytes. */
const maxTaps = 16;

/** Target size of the plane of a band, in bytes. It shares the first-level cache with the tables. */
const planeBytes = 8192;

/** Offsets in scratch memory, behind the tables: 16 bytes by which scalars are loaded as a vector, then the plane. */
const vectorAt = (taps: number): number => taps * tableBytes;
const planeAt = (taps: number): number => vectorAt(taps) + 16;

/** Output pixels of a row that are computed together. They share their reads of the plane. */
const pixelsPerPass = 4;

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
  ...windowParameters,
};

/** The constants of the kernel, known when it is assembled. */
interface KernelShape {
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly groupChannels: number;
  readonly strideX: number;
  readonly dilationX: number;
  readonly dtype: CountDType;
}

const kernelsOf = memoize((dtype: CountDType, groupChannels: number) =>
  memoize((kernelHeight: number, kernelWidth: number, strideX: number, dilationX: number) =>
    tablesKernel({ kernelHeight, kernelWidth, groupChannels, strideX, dilationX, dtype }),
  ),
);

/** The items are bands of rows of an image, for eight of its channels. Items of one part and octet are consecutive. */
function tablesKernel(shape: KernelShape): Kernel<typeof parameters> {
  const { kernelHeight, kernelWidth, groupChannels, strideX, dilationX, dtype } = shape;
  const step = strideX === 1 && dilationX === 1 ? '' : `_s${strideX}d${dilationX}`;
  const name = `bits_conv_${kernelHeight}x${kernelWidth}${step}_c${groupChannels}_${dtype}__lookup`;
  return new Kernel(name, parameters, (p, from, to, scratch) => {
    const taps = kernelHeight * kernelWidth;
    const bytes = countBytes(dtype);
    const all = i16x8.variable(i16x8.splat(i32.const(taps * groupChannels)), 'all');
    const plane = i32.variable(scratch.add(planeAt(taps)), 'plane');
    const built = i32.variable(-1, 'built');
    const octets = i32.variable(p.channels.shrU(3), 'octets');

    forRange(from, to, 1, (item) => {
      const set = i32.variable(item.divU(p.bandsOfPart), 'set');
      const octet = i32.variable(set.remU(octets), 'octet');
      when(octet.xor(built), () => {
        const filters = i32.variable(p.filter.add(octet.mul(8 * 4 * taps)), 'filters');
        const vector = i32.variable(scratch.add(vectorAt(taps)), 'vector');
        makeByteTables(filters, { taps, groupChannels }, scratch, vector);
        built.set(octet);
      });
      const band = i32.variable(set.divU(octets).mul(p.bandsOfPart).add(item.remU(p.bandsOfPart)), 'band');
      // The last part may have fewer bands.
      when(band.ltS(p.batch.mul(p.bands)), () => {
        const image = i32.variable(band.divU(p.bands), 'image');
        const firstRow = i32.variable(band.remU(p.bands).mul(p.bandRows), 'firstRow');
        const rows = i32.variable(p.outHeight.sub(firstRow).minU(p.bandRows), 'rows');
        fillPlane(p, { image, octet, firstRow, rows, kernelHeight }, { tables: scratch, plane });

        const pixelStep = i32.variable(p.channels.mul(bytes), 'pixelStep');
        const firstPixel = image.mul(p.outHeight).add(firstRow).mul(p.outWidth);
        const target = i32.variable(p.y.add(firstPixel.mul(pixelStep)).add(octet.mul(8 * bytes)), 'target');
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
        const whole = i32.variable(p.outWidth.and(-pixelsPerPass), 'whole');
        const planeStep = i32.variable(p.planeWidth.mul(4), 'planeStep');
        forRange(0, rows, 1, (row) => {
          const first = i32.variable(plane.add(row.mul(p.strideY).mul(planeStep)), 'first');
          const rowAt = Array.from({ length: kernelHeight }, (_, ki) =>
            i32.variable(first.add(p.dilationY.mul(ki).mul(planeStep)), `row${ki}`),
          );
          forRange(0, whole, pixelsPerPass, () => pixels(rowAt, pixelsPerPass));
          forRange(whole, p.outWidth, 1, () => pixels(rowAt, 1));
        });
      });
    });
  });
}

/** The columns of the plane that a run of output pixels reads, each with the pixels and taps that read it. */
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

/** Statement that stores eight counts of differing signs, a byte each, as elements of the dtype. */
function storeCounts(dtype: CountDType, target: I32, differences: I64, all: I16x8, vector: I32): void {
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
