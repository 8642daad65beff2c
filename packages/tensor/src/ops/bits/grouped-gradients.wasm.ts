import { wordsPerRow } from '../../bit-tensor.js';
import { chunksOf } from '../../backends/cpu/dispatch.js';
import { withTemporary } from '../../backends/cpu/heap.js';
import { type Argument, Kernel, type KernelParameters, kernelFamily, type ParameterTypes } from '../../backends/cpu/kernel.js';
import { bytesAt } from '../../backends/cpu/memory.js';
import type { Shape } from '../../shape.js';
import {
  f32x4,
  forRange,
  type I32,
  type I64,
  i32,
  i64,
  repeat,
  select,
  store,
  store8,
  transpose4x4,
  type Variable,
  when,
} from '../../wasm/assembler.js';
import type { Slide } from '../window.js';
import type { BitConv2dAttributes } from './bit-conv2d.js';
import { type Epilogue, epilogueFamily, type RowEpilogue } from './epilogue.wasm.js';
import { makeTable } from './lookup.wasm.js';

// Gradients of a grouped convolution of signs by lookup tables (lookup.wasm.ts has the idea), for groups of 4, 8, … channels.
// A group has so few channels that a table must serve all taps of the window as well.

/** Entries of a table of four rows, in bytes of one vector each. */
const tableBytes = 16 * 16;

/** Whether the kernels below can do a convolution: small groups in fours, and a window that moves by one. */
export function hasGroupedLookup(filter: Shape, { groups, window, paddingValue }: BitConv2dAttributes): boolean {
  const [outChannels, , , channels] = filter;
  const isPlain = ({ stride, dilation, before, taps }: Slide): boolean =>
    stride === 1 && dilation === 1 && before <= 4 && taps <= 5;
  return (
    [4, 8, 16].includes(channels) &&
    outChannels === groups * channels &&
    paddingValue === 'one' &&
    isPlain(window.height) &&
    isPlain(window.width)
  );
}

/**
 * dX [batch, height, width, channels] of a grouped convolution, through the epilogue.
 *
 * The lanes are 8 images, so that a step to the side is one vector further. At each pixel of dY, two or more tables of four
 * filters' gradients are made; the channels of the group look up what each tap sends to its pixel of dX, 9·8 outputs for 3×3 taps
 * and groups of 8. Sums collect in as many rows as the window has, of which one is complete with each row of dY.
 *
 * @param scale A factor for each filter, or null. All are addresses.
 */
export function groupedInputGradient<P extends ParameterTypes>(
  xShape: Shape,
  filterShape: Shape,
  { window: { height, width } }: BitConv2dAttributes,
  dy: number,
  filter: number,
  scale: number | null,
  dx: number,
  epilogue: Epilogue<P>,
  args: { readonly [K in keyof P]: Argument },
): void {
  const [outChannels, kernelHeight, kernelWidth, channels] = filterShape;
  const groups = outChannels / channels;
  const groupIndexBytes = (kernelHeight * kernelWidth * channels * channels) / 4;
  withTemporary(groups * groupIndexBytes, (indices) => {
    indexKernel(kernelHeight * kernelWidth, channels).run({ filter, indices }, groups);
    const rowBytes = (width.output + kernelWidth) * channels * imageLanes * 4;
    inputGradientKernel(epilogue, kernelHeight, kernelWidth, channels, scale !== null).run(
      {
        ...{ dy, scale: scale ?? 0, dx, indices, batch: xShape[0], groups, rowBytes },
        ...{ height: height.input, width: width.input, outHeight: height.output, outWidth: width.output },
        ...{ top: height.before, left: width.before, ...args },
      } as Record<keyof P | keyof typeof inputParameters, Argument>,
      Math.ceil(xShape[0] / imageLanes) * groups,
      { grain: 1, scratch: (channels / 4) * imageVectors * tableBytes + kernelHeight * rowBytes },
    );
  });
}

/** Images whose gradients are the lanes. */
const imageLanes = 8;
const imageVectors = imageLanes / 4;

const inputParameters = {
  ...{ dy: i32, scale: i32, dx: i32, indices: i32, batch: i32, groups: i32, rowBytes: i32 },
  ...{ height: i32, width: i32, outHeight: i32, outWidth: i32, top: i32, left: i32 },
};

/** For each tap, channel and four filters of a group the entry of a table, in bytes: bit j is the sign of filter j. */
const indexKernel = kernelFamily(
  (taps: number, channels: number) =>
    new Kernel(`bits_grouped_indices_t${taps}_c${channels}`, { filter: i32, indices: i32 }, ({ filter, indices }, from, to) => {
      // A tap of a filter is one word, of which the low bits count.
      const source = i32.variable(filter.add(from.mul(4 * taps * channels)), 'source');
      const target = i32.variable(indices.add(from.mul((taps * channels * channels) / 4)), 'target');
      forRange(from, to, 1, () => {
        for (let tap = 0; tap < taps; tap++) {
          const words = Array.from({ length: channels }, (_, f) => i32.variable(i32.load(source, 4 * (f * taps + tap))));
          for (let channel = 0; channel < channels; channel++) {
            for (let table = 0; table < channels / 4; table++) {
              const bits = words.slice(4 * table, 4 * table + 4).map((word, j) => word.shrU(channel).and(1).shl(4 + j));
              const entry = bits.reduce((sum, bit) => sum.or(bit));
              store8(target, entry, (tap * channels + channel) * (channels / 4) + table);
            }
          }
        }
        source.set(source.add(4 * taps * channels));
        target.set(target.add((taps * channels * channels) / 4));
      });
    }),
);

const inputGradientKernel = epilogueFamily(
  (kernelHeight: number, kernelWidth: number, channels: number, scales: boolean) =>
    `bits_grouped_input_gradient_${kernelHeight}x${kernelWidth}_c${channels}${scales ? '_scaled' : ''}`,
  inputParameters,
  (p, from, to, scratch, epilogue, kernelHeight, kernelWidth, channels, scales) => {
    const cell = channels * imageLanes * 4;
    const allChannels = i32.variable(p.groups.mul(channels), 'allChannels');
    const pixelBytes = i32.variable(allChannels.mul(4), 'pixelBytes');
    const imageBytes = i32.variable(p.outHeight.mul(p.outWidth).mul(pixelBytes), 'imageBytes');
    forRange(from, to, 1, (item) => {
      const image = i32.variable(item.divU(p.groups).mul(imageLanes), 'image');
      const last = i32.variable(p.batch.sub(image).min(i32.const(imageLanes)).sub(1), 'last');
      const group = i32.variable(item.remU(p.groups), 'group');
      const channel = i32.variable(group.mul(channels), 'channel');
      const indices = i32.variable(p.indices.add(group.mul(kernelHeight * kernelWidth * channels * (channels / 4))), 'indices');
      const factor = i32.variable(p.scale.add(channel.mul(4)), 'factor');
      const source = i32.variable(p.dy.add(image.mul(imageBytes)).add(channel.mul(4)), 'source');

      // Rows of sums: the oldest first. The newest is written before it is added to, the others start with 0.
      const rows = Array.from({ length: kernelHeight }, (_, ky) =>
        i32.variable(scratch.add((channels / 4) * imageVectors * tableBytes).add(p.rowBytes.mul(ky)), `row${ky}`),
      );
      forRange(0, p.rowBytes.mul(kernelHeight - 1), 16, (at) => store(rows[0].add(at), f32x4.const(0)));

      forRange(0, p.outHeight.add(kernelHeight - 1), 1, (y) => {
        when(y.ltS(p.outHeight), () => {
          const newest = rows[kernelHeight - 1];
          for (let at = 0; at < (kernelWidth - 1) * cell; at += 16) store(newest, f32x4.const(0), at);
          const pixel = i32.variable(source.add(y.mul(p.outWidth).mul(pixelBytes)), 'pixel');
          const targets = rows.map((row, ky) => i32.variable(row, `target${ky}`));
          forRange(0, p.outWidth, 1, () => {
            makeTables(pixel, imageBytes, last, scales ? factor : null, channels, scratch);
            scatterTables(targets, indices, scratch, kernelWidth, channels);
            pixel.set(pixel.add(pixelBytes));
            for (const target of targets) target.set(target.add(cell));
          });
        });
        const row = i32.variable(y.sub(p.top), 'row');
        when(row.ltU(p.height), () => {
          const sums = i32.variable(rows[0].add(p.left.mul(cell)), 'sums');
          forRange(0, p.width, 1, (column) => {
            turnOutCell(p, sums, image, last, row, column, channel, channels, allChannels, epilogue);
            sums.set(sums.add(cell));
          });
        });
        const oldest = i32.variable(rows[0], 'oldest');
        rows.forEach((row, ky) => {
          row.set(rows[ky + 1] ?? oldest);
        });
      });
    });
  },
);

/** Tables of one pixel of dY: for each four filters of the group, of 8 images. */
function makeTables(pixel: I32, imageBytes: I32, last: I32, factor: I32 | null, channels: number, target: I32): void {
  for (let q = 0; q < imageVectors; q++) {
    const images = [0, 1, 2, 3].map((i) =>
      i32.variable(pixel.add(i32.const(4 * q + i).min(last).mul(imageBytes)), `image${4 * q + i}`),
    );
    for (let table = 0; table < channels / 4; table++) {
      const square = images.map((image) => {
        const value = f32x4.load(image, 16 * table);
        return f32x4.variable(factor ? value.mul(f32x4.load(factor, 16 * table)) : value);
      });
      const filters = transpose4x4(square).map((filter) => f32x4.variable(filter));
      makeTable(filters, target, (table * imageVectors + q) * tableBytes);
    }
  }
}

/** Adds to all pixels under the window, rows[ky] + kx cells, what their channels look up. */
function scatterTables(rows: readonly I32[], indices: I32, tables: I32, kernelWidth: number, channels: number): void {
  const count = channels / 4;
  const entries = Array.from({ length: count }, (_, table) => i32.variable(undefined, `entry${table}`));
  rows.forEach((row, ky) => {
    for (let kx = 0; kx < kernelWidth; kx++) {
      const isFirst = ky === rows.length - 1 && kx === kernelWidth - 1;
      for (let channel = 0; channel < channels; channel++) {
        const at = ((ky * kernelWidth + kx) * channels + channel) * count;
        for (const [table, entry] of entries.entries()) entry.set(tables.add(i32.load8U(indices, at + table)));
        for (let q = 0; q < imageVectors; q++) {
          const found = entries
            .map((entry, table) => f32x4.load(entry, (table * imageVectors + q) * tableBytes))
            .reduce((sum, value) => sum.add(value));
          const offset = (kx * channels + channel) * imageLanes * 4 + 16 * q;
          store(row, isFirst ? found : f32x4.load(row, offset).add(found), offset);
        }
      }
    }
  });
}

/** One pixel of 8 images: from [channel][image] to a run of channels in each image. */
function turnOutCell(
  { dx, height, width }: KernelParameters<typeof inputParameters>,
  sums: I32,
  image: I32,
  last: I32,
  row: I32,
  column: I32,
  channel: I32,
  channels: number,
  allChannels: I32,
  epilogue: (pixel: I32) => RowEpilogue,
): void {
  const offset = i32.variable(channel.mul(4), 'offset');
  for (let q = 0; q < imageVectors; q++) {
    const squares = Array.from({ length: channels / 4 }, (_, four) => {
      const lanes = [0, 1, 2, 3].map((c) => f32x4.variable(f32x4.load(sums, (4 * four + c) * imageLanes * 4 + 16 * q)));
      return transpose4x4(lanes).map((value) => f32x4.variable(value));
    });
    for (let i = 0; i < 4; i++) {
      when(last.geS(4 * q + i), () => {
        const pixel = i32.variable(image.add(4 * q + i).mul(height).add(row).mul(width).add(column), 'targetPixel');
        const target = i32.variable(dx.add(pixel.mul(allChannels).mul(4)).add(offset), 'target');
        const finish = epilogue(pixel);
        squares.forEach((square, four) => {
          store(target, finish(square[i], offset, 16 * four), 16 * four);
        });
      });
    }
  }
}

/**
 * dF [filters, height, width, channels] of a grouped convolution. All are addresses.
 *
 * The lanes are the filters of a group. Four pixels of dY that stand side by side make a table; which of them a tap adds and
 * which it subtracts, four neighbouring bits of a channel of X say, if these lie side by side, too: so the signs of X are turned
 * over first, from channels to columns.
 */
export function groupedFilterGradient(
  xShape: Shape,
  filterShape: Shape,
  { window: { height, width } }: BitConv2dAttributes,
  dy: number,
  x: number,
  df: number,
): void {
  const [outChannels, kernelHeight, kernelWidth, channels] = filterShape;
  const [batch, inHeight, inWidth, inChannels] = xShape;
  // Rows above and below the image are +1, as its border is.
  const rows = height.output + kernelHeight - 1;
  const channelBytes = Math.ceil(Math.max(inWidth, width.output) / 32) * 4 + 8;
  const columnsBytes = batch * rows * inChannels * channelBytes;
  const zeroBytes = 4 * channels;
  withTemporary(columnsBytes + zeroBytes, (columns) => {
    bytesAt(columns, columnsBytes + zeroBytes).fill(0);
    const inside = Math.min(inHeight, rows - height.before);
    columnsKernel.run(
      {
        ...{ x, columns, channelBytes, channels: inChannels, pixelBytes: 4 * wordsPerRow(inChannels) },
        ...{ width: inWidth, height: inHeight, inside, rows, top: height.before },
      },
      batch * inside,
      { grain: chunksOf(batch * inside, (inWidth * inChannels) / 30) },
    );
    filterGradientKernel(kernelHeight, kernelWidth, channels).run(
      {
        ...{ dy, df, columns, channelBytes, zeros: columns + columnsBytes, batch, rows, left: width.before },
        ...{ outHeight: height.output, outWidth: width.output, allChannels: outChannels },
      },
      outChannels / channels,
      { grain: 1, scratch: pixelTables * channels * 4 * 16 + kernelHeight * kernelWidth * channels * channels * 4 },
    );
  });
}

/** Where in the bytes of a channel its first column is: a byte of border comes before. */
const firstColumnBit = 8;

/** For each row of an image and each channel the signs of its columns, side by side. Squares of 8×8 bits are turned over. */
const columnsKernel = new Kernel(
  'bits_columns',
  {
    ...{ x: i32, columns: i32, channelBytes: i32, channels: i32, pixelBytes: i32 },
    ...{ width: i32, height: i32, inside: i32, rows: i32, top: i32 },
  },
  (p, from, to) => {
    const square = i64.variable(undefined, 'square');
    forRange(from, to, 1, (item) => {
      const image = i32.variable(item.divU(p.inside), 'image');
      const row = i32.variable(item.remU(p.inside), 'row');
      const source = i32.variable(p.x.add(image.mul(p.height).add(row).mul(p.width).mul(p.pixelBytes)), 'source');
      const targetRow = image.mul(p.rows).add(row).add(p.top);
      const target = i32.variable(p.columns.add(targetRow.mul(p.channels).mul(p.channelBytes)), 'target');
      forRange(0, p.width, 8, (column) => {
        const count = i32.variable(p.width.sub(column).min(i32.const(8)), 'count');
        const byteAt = i32.variable(column.shrU(3).add(firstColumnBit / 8), 'byteAt');
        forRange(0, p.channels, 8, (channel) => {
          const at = i32.variable(source.add(column.mul(p.pixelBytes)).add(channel.shrU(3)), 'at');
          square.set(i64.const(0));
          const shift = i64.variable(0, 'shift');
          forRange(0, count, 1, () => {
            square.set(square.or(i32.load8U(at).toI64U().shl(shift)));
            at.set(at.add(p.pixelBytes));
            shift.set(shift.add(8));
          });
          square.set(transposeBits(square));
          const to = i32.variable(target.add(channel.mul(p.channelBytes)).add(byteAt), 'to');
          forRange(0, p.channels.sub(channel).min(i32.const(8)), 1, () => {
            store8(to, square.toI32());
            square.set(square.shrU(8));
            to.set(to.add(p.channelBytes));
          });
        });
      });
    });
  },
);

/**
 * An 8×8 square of bits with rows and columns exchanged: squares within squares swap places, of 1, 2, then 4 bits
 * (Warren, "Hacker's Delight", 2nd ed., section 7–3).
 */
function transposeBits(square: Variable<I64>): I64 {
  const swap = (distance: number, mask: bigint): void => {
    const t = i64.variable(square.xor(square.shrU(distance)).and(i64.const(mask)), 't');
    square.set(square.xor(t).xor(t.shl(distance)));
  };
  swap(7, 0x00aa00aa00aa00aan);
  swap(14, 0x0000cccc0000ccccn);
  swap(28, 0x00000000f0f0f0f0n);
  return square;
}

/** Tables that are made at a time, of four pixels each. */
const pixelTables = 4;

const filterGradientKernel = kernelFamily(
  (kernelHeight: number, kernelWidth: number, channels: number) =>
    new Kernel(
      `bits_grouped_filter_gradient_${kernelHeight}x${kernelWidth}_c${channels}__lookup`,
      {
        ...{ dy: i32, df: i32, columns: i32, channelBytes: i32, zeros: i32, batch: i32, rows: i32, left: i32 },
        ...{ outHeight: i32, outWidth: i32, allChannels: i32 },
      },
      (p, from, to, scratch) => {
        const vectors = channels / 4;
        const taps = kernelHeight * kernelWidth;
        const pixelBytes = i32.variable(p.allChannels.mul(4), 'pixelBytes');
        const rowBytes = i32.variable(p.allChannels.mul(p.channelBytes), 'rowBytes');
        const sums = i32.variable(scratch.add(pixelTables * vectors * tableBytes), 'sums');
        const quads = i32.variable(p.outWidth.add(3).shrU(2), 'quads');
        const pixel = Array.from({ length: pixelTables }, (_, t) => i32.variable(undefined, `pixel${t}`));
        const bits = Array.from({ length: pixelTables }, (_, t) => i32.variable(undefined, `bits${t}`));
        const shift = Array.from({ length: pixelTables }, (_, t) => i32.variable(undefined, `shift${t}`));
        forRange(from, to, 1, (group) => {
          const channel = i32.variable(group.mul(channels), 'channel');
          for (let at = 0; at < taps * channels * channels * 4; at += 16) store(sums, f32x4.const(0), at);
          const quad = i32.variable(0, 'quad');
          const rowsLeft = i32.variable(p.batch.mul(p.outHeight), 'rowsLeft');
          // Rows of X are more than those of dY: those of an image begin anew.
          const y = i32.variable(0, 'y');
          const xRow = i32.variable(p.columns.add(channel.mul(p.channelBytes)), 'xRow');
          const dyRow = i32.variable(p.dy.add(channel.mul(4)), 'dyRow');
          forRange(0, p.batch.mul(p.outHeight).mul(quads), pixelTables, () => {
            for (let t = 0; t < pixelTables; t++) {
              const isThere = rowsLeft.gtS(0);
              const column = i32.variable(quad.shl(2), 'column');
              for (let j = 0; j < 4; j++) {
                // Beyond the row, and the last row, are zeros.
                const isReal = isThere.and(column.add(j).ltS(p.outWidth));
                pixel[j].set(select(isReal, dyRow.add(column.add(j).mul(pixelBytes)), p.zeros));
              }
              for (let v = 0; v < vectors; v++) {
                const f = pixel.map((address) => f32x4.variable(f32x4.load(address, 16 * v)));
                makeTable(f, scratch, (t * vectors + v) * tableBytes);
              }
              // The four bits that the first tap sees begin at column − left; they are shifted to where an entry's bytes are counted.
              const bit = i32.variable(column.add(firstColumnBit).sub(p.left), 'bit');
              bits[t].set(select(isThere, xRow.add(bit.shrU(3)), p.columns));
              shift[t].set(bit.and(7));
              quad.set(quad.add(1));
              when(quad.eq(quads), () => {
                quad.set(i32.const(0));
                rowsLeft.set(rowsLeft.sub(1));
                dyRow.set(dyRow.add(p.outWidth.mul(pixelBytes)));
                xRow.set(xRow.add(rowBytes));
                y.set(y.add(1));
                when(y.eq(p.outHeight), () => {
                  y.set(i32.const(0));
                  xRow.set(xRow.add(p.rows.sub(p.outHeight).mul(rowBytes)));
                });
              });
            }
            lookUpTaps(p.channelBytes, rowBytes, bits, shift, scratch, sums, [kernelHeight, kernelWidth, channels]);
          });
          writeFilters(p.df, channel, sums, taps, channels);
        });
      },
    ),
);

/** Adds up for each tap and channel the entries that the four tables have for it. */
function lookUpTaps(
  channelBytes: I32,
  rowBytes: I32,
  bits: readonly Variable<I32>[],
  shift: readonly I32[],
  tables: I32,
  sums: I32,
  [kernelHeight, kernelWidth, channels]: readonly number[],
): void {
  const vectors = channels / 4;
  const sum = i32.variable(sums, 'sum');
  const window = bits.map((_, t) => i32.variable(undefined, `window${t}`));
  const entry = bits.map((_, t) => i32.variable(undefined, `entry${t}`));
  for (let ky = 0; ky < kernelHeight; ky++) {
    const at = bits.map((address) => i32.variable(address.add(rowBytes.mul(ky)), 'at'));
    repeat(i32.variable(channels, 'channelsLeft'), () => {
      at.forEach((address, t) => {
        window[t].set(i32.load16U(address).shl(4).shrU(shift[t]));
        address.set(address.add(channelBytes));
      });
      for (let kx = 0; kx < kernelWidth; kx++) {
        entry.forEach((address, t) => {
          address.set(tables.add(window[t].shrU(kx).and(0xf0)));
        });
        for (let v = 0; v < vectors; v++) {
          const found = entry
            .map((address, t) => f32x4.load(address, (t * vectors + v) * tableBytes))
            .reduce((sum, value) => sum.add(value));
          const offset = kx * channels * channels * 4 + 16 * v;
          store(sum, f32x4.load(sum, offset).add(found), offset);
        }
      }
      sum.set(sum.add(channels * 4));
    });
    sum.set(sum.add((kernelWidth - 1) * channels * channels * 4));
  }
}

/** From [tap][channel][filter] to the filters' own order. */
function writeFilters(df: I32, firstFilter: I32, sums: I32, taps: number, channels: number): void {
  const filterBytes = taps * channels * 4;
  const target = i32.variable(df.add(firstFilter.mul(filterBytes)), 'target');
  const source = i32.variable(sums, 'source');
  repeat(i32.variable(taps, 'tapsLeft'), () => {
    for (let f = 0; f < channels; f += 4) {
      for (let c = 0; c < channels; c += 4) {
        const square = [0, 1, 2, 3].map((i) => f32x4.variable(f32x4.load(source, (c + i) * channels * 4 + 4 * f)));
        transpose4x4(square).forEach((row, i) => {
          store(target, row, (f + i) * filterBytes + 4 * c);
        });
      }
    }
    source.set(source.add(channels * channels * 4));
    target.set(target.add(channels * 4));
  });
}
