import { chunksOf } from '../../backends/cpu/dispatch.js';
import { withTemporary } from '../../backends/cpu/heap.js';
import {
  type Argument,
  Kernel,
  type KernelParameters,
  kernelFamily,
  type ParameterTypes,
} from '../../backends/cpu/kernel.js';
import { bytesAt } from '../../backends/cpu/memory.js';
import { wordsPerRow } from '../../bit-tensor.js';
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
 * The lanes are 8 images, so that a step to the side is one vector further. For each pixel of dY, tables are made of every four
 * filters of a group; and each pixel of dX looks up what the pixels under its window send to it. It is visited once for each row
 * of dY that it sees: two rows of sums wait for the next rows of dY, and what has met all of them is stored.
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
  const sets = Math.ceil(outChannels / setChannels);
  const groupIndexBytes = (kernelHeight * kernelWidth * channels * channels) / 4;
  withTemporary(groups * groupIndexBytes, (indices) => {
    indexKernel(kernelHeight * kernelWidth, channels).run({ filter, indices }, groups);
    const rowBytes = width.input * cellBytes;
    inputGradientKernel(epilogue, kernelHeight, kernelWidth, channels, scale !== null).run(
      {
        ...{ dy, scale: scale ?? 0, dx, indices, batch: xShape[0], allChannels: outChannels, sets, rowBytes },
        ...{ height: height.input, width: width.input, outHeight: height.output, outWidth: width.output },
        ...{ top: height.before, left: width.before, ...args },
      } as Record<keyof P | keyof typeof inputParameters, Argument>,
      Math.ceil(xShape[0] / imageLanes) * sets,
      { grain: 1, scratch: kernelWidth * slotBytes + cellBytes + (kernelHeight - 1) * rowBytes },
    );
  });
}

/** Images whose gradients are the lanes. */
const imageLanes = 8;
const imageVectors = imageLanes / 4;

/** Channels that a thread takes at a time, in whole groups: of a pixel, they are a cache line. */
const setChannels = 16;

/** The sums of one pixel of dX: its channels, of 8 images each. And the tables of one pixel of dY. */
const cellBytes = setChannels * imageLanes * 4;
const slotBytes = (setChannels / 4) * imageVectors * tableBytes;

const inputParameters = {
  ...{ dy: i32, scale: i32, dx: i32, indices: i32, batch: i32, allChannels: i32, sets: i32, rowBytes: i32 },
  ...{ height: i32, width: i32, outHeight: i32, outWidth: i32, top: i32, left: i32 },
};

/** For each tap, channel and four filters of a group the entry of a table, in bytes: bit j is the sign of filter j. */
const indexKernel = kernelFamily(
  (taps: number, channels: number) =>
    new Kernel(
      `bits_grouped_indices_t${taps}_c${channels}`,
      { filter: i32, indices: i32 },
      ({ filter, indices }, from, to) => {
        // A tap of a filter is one word, of which the low bits count.
        const source = i32.variable(filter.add(from.mul(4 * taps * channels)), 'source');
        const target = i32.variable(indices.add(from.mul((taps * channels * channels) / 4)), 'target');
        forRange(from, to, 1, () => {
          for (let tap = 0; tap < taps; tap++) {
            const words = Array.from({ length: channels }, (_, f) =>
              i32.variable(i32.load(source, 4 * (f * taps + tap))),
            );
            for (let channel = 0; channel < channels; channel++) {
              for (let table = 0; table < channels / 4; table++) {
                const bits = words.slice(4 * table, 4 * table + 4).map((word, j) =>
                  word
                    .shrU(channel)
                    .and(1)
                    .shl(4 + j),
                );
                const entry = bits.reduce((sum, bit) => sum.or(bit));
                store8(target, entry, (tap * channels + channel) * (channels / 4) + table);
              }
            }
          }
          source.set(source.add(4 * taps * channels));
          target.set(target.add((taps * channels * channels) / 4));
        });
      },
    ),
);

const inputGradientKernel = epilogueFamily(
  (kernelHeight: number, kernelWidth: number, channels: number, scales: boolean) =>
    `bits_grouped_input_gradient_${kernelHeight}x${kernelWidth}_c${channels}${scales ? '_scaled' : ''}`,
  inputParameters,
  (p, from, to, scratch, epilogue, kernelHeight, kernelWidth, channels, scales) => {
    const pixelBytes = i32.variable(p.allChannels.mul(4), 'pixelBytes');
    const imageBytes = i32.variable(p.outHeight.mul(p.outWidth).mul(pixelBytes), 'imageBytes');
    const cell = i32.variable(scratch.add(kernelWidth * slotBytes), 'cell');
    // Row k waits for the (k + 1)-th row of dY from now.
    const rows = Array.from({ length: kernelHeight - 1 }, (_, k) =>
      i32.variable(cell.add(cellBytes).add(p.rowBytes.mul(k)), `row${k}`),
    );
    forRange(from, to, 1, (item) => {
      const image = i32.variable(item.divU(p.sets).mul(imageLanes), 'image');
      const last = i32.variable(p.batch.sub(image).min(i32.const(imageLanes)).sub(1), 'last');
      const channel = i32.variable(item.remU(p.sets).mul(setChannels), 'channel');
      const groups = i32.variable(
        p.allChannels.sub(channel).min(i32.const(setChannels)).divU(i32.const(channels)),
        'groups',
      );
      const indexBytes = kernelHeight * kernelWidth * channels * (channels / 4);
      const indices = i32.variable(p.indices.add(channel.divU(i32.const(channels)).mul(indexBytes)), 'indices');
      const factor = i32.variable(p.scale.add(channel.mul(4)), 'factor');
      const source = i32.variable(p.dy.add(image.mul(imageBytes)).add(channel.mul(4)), 'source');
      if (rows.length > 0) forRange(0, p.rowBytes.mul(rows.length), 16, (at) => store(rows[0].add(at), f32x4.const(0)));
      forRange(0, i32.const(kernelWidth * slotBytes), 16, (at) => store(scratch.add(at), f32x4.const(0)));
      // Slot kx has the tables of the pixel of dY that the kx-th column of the window sees.
      const slots = Array.from({ length: kernelWidth }, (_, kx) =>
        i32.variable(scratch.add(kx * slotBytes), `slot${kx}`),
      );

      forRange(0, p.outHeight.add(kernelHeight - 1), 1, (y) => {
        const isInside = i32.variable(y.ltS(p.outHeight), 'isInside');
        const pixel = i32.variable(source.add(y.mul(p.outWidth).mul(pixelBytes)), 'pixel');
        const x = i32.variable(0, 'x');
        const nextSlot = (): void => {
          const oldest = i32.variable(slots[kernelWidth - 1], 'oldest');
          for (let kx = kernelWidth - 1; kx > 0; kx--) slots[kx].set(slots[kx - 1]);
          slots[0].set(oldest);
          when(
            x.ltS(p.outWidth),
            () => makeTables(pixel, imageBytes, last, groups, scales ? factor : null, channels, slots[0]),
            () => forRange(0, i32.const(slotBytes), 16, (at) => store(oldest.add(at), f32x4.const(0))),
          );
          x.set(x.add(1));
          pixel.set(pixel.add(pixelBytes));
        };
        // A row begins with what is left of the border: nothing.
        when(isInside, () => {
          for (const slot of slots) forRange(0, i32.const(slotBytes), 16, (at) => store(slot.add(at), f32x4.const(0)));
          forRange(0, p.left, 1, nextSlot);
        });
        const row = i32.variable(y.sub(p.top), 'row');
        const waiting = rows.map((row, k) => i32.variable(row, `waiting${k}`));
        forRange(0, p.width, 1, (column) => {
          when(
            isInside,
            () => {
              nextSlot();
              const index = i32.variable(indices, 'index');
              const group = i32.variable(0, 'group');
              forRange(0, groups, 1, () => {
                lookUpWindow(index, slots, group, waiting, cell, [kernelHeight, kernelWidth, channels]);
                index.set(index.add(indexBytes));
                group.set(group.add(1));
              });
            },
            () => passOn(waiting, cell),
          );
          when(row.ltU(p.height), () => {
            const target = i32.variable(image.mul(p.height).add(row).mul(p.width).add(column), 'target');
            turnOutCell(p, cell, target, last, channel, groups.mul(channels), epilogue);
          });
          for (const at of waiting) at.set(at.add(cellBytes));
        });
      });
    });
  },
);

/** Tables of one pixel of dY: for each four filters, of 8 images. */
function makeTables(
  pixel: I32,
  imageBytes: I32,
  last: I32,
  groups: I32,
  factor: I32 | null,
  channels: number,
  slot: I32,
): void {
  const at = i32.variable(slot, 'at');
  const source = i32.variable(pixel, 'source');
  const factors = factor && i32.variable(factor, 'factors');
  forRange(0, groups.mul(channels / 4), 1, () => {
    for (let q = 0; q < imageVectors; q++) {
      const square = [0, 1, 2, 3].map((i) => {
        const value = f32x4.load(
          source.add(
            i32
              .const(4 * q + i)
              .min(last)
              .mul(imageBytes),
          ),
        );
        return f32x4.variable(factors ? value.mul(f32x4.load(factors)) : value);
      });
      makeTable(
        transpose4x4(square).map((filter) => f32x4.variable(filter)),
        at,
        q * tableBytes,
      );
    }
    at.set(at.add(imageVectors * tableBytes));
    source.set(source.add(16));
    factors?.set(factors.add(16));
  });
}

/**
 * What one pixel of dX, and those that wait below it, look up in a group: row ky of the window adds to the row that waits as
 * long. The first one waits no more; each of the others moves up by one.
 */
function lookUpWindow(
  indices: I32,
  slots: readonly I32[],
  group: I32,
  waiting: readonly I32[],
  cell: I32,
  [kernelHeight, kernelWidth, channels]: readonly number[],
): void {
  const tables = channels / 4;
  const own = slots.map((slot) => i32.variable(slot.add(group.mul(tables * imageVectors * tableBytes)), 'ownSlot'));
  const offsetOfGroup = i32.variable(group.mul(channels * imageLanes * 4), 'offsetOfGroup');
  const at = waiting.map((row) => i32.variable(row.add(offsetOfGroup), 'waitingAt'));
  const done = i32.variable(cell.add(offsetOfGroup), 'done');
  for (let channel = 0; channel < channels; channel++) {
    for (let ky = 0; ky < kernelHeight; ky++) {
      const entries = own.flatMap((slot, kx) =>
        Array.from({ length: tables }, (_, table) => {
          const index = ((ky * kernelWidth + kx) * channels + channel) * tables + table;
          return { address: i32.variable(slot.add(i32.load8U(indices, index)), 'entry'), table };
        }),
      );
      for (let q = 0; q < imageVectors; q++) {
        const found = entries
          .map(({ address, table }) => f32x4.load(address, (table * imageVectors + q) * tableBytes))
          .reduce((sum, value) => sum.add(value));
        const offset = (channel * imageVectors + q) * 16;
        const sum = ky < kernelHeight - 1 ? f32x4.load(at[ky], offset).add(found) : found;
        store(ky === 0 ? done : at[ky - 1], sum, offset);
      }
    }
  }
}

/** Below the last row of dY nothing is added any more. */
function passOn(waiting: readonly I32[], cell: I32): void {
  for (let at = 0; at < cellBytes; at += 16) {
    waiting.forEach((row, k) => {
      store(k === 0 ? cell : waiting[k - 1], f32x4.load(row, at), at);
    });
    if (waiting.length > 0) store(waiting[waiting.length - 1], f32x4.const(0), at);
  }
}

/** One pixel of 8 images: from [channel][image] to a run of channels in each image. `pixel` is that of the first. */
function turnOutCell(
  { dx, height, width, allChannels }: KernelParameters<typeof inputParameters>,
  cell: I32,
  pixel: I32,
  last: I32,
  channel: I32,
  count: I32,
  epilogue: (pixel: I32) => RowEpilogue,
): void {
  const imagePixels = height.mul(width);
  const offset = i32.variable(channel.mul(4), 'offset');
  for (let q = 0; q < imageVectors; q++) {
    const images = [0, 1, 2, 3].map((i) =>
      i32.variable(pixel.add(imagePixels.mul(i32.const(4 * q + i).min(last))), 'imagePixel'),
    );
    const finishes = images.map((image) => epilogue(image));
    const targets = images.map((image) => i32.variable(dx.add(image.mul(allChannels).mul(4)).add(offset), 'target'));
    const four = (first: number): void => {
      const channels = [0, 1, 2, 3].map((c) => f32x4.variable(f32x4.load(cell, (first + c) * imageLanes * 4 + 16 * q)));
      const values = transpose4x4(channels).map((value, i) => f32x4.variable(finishes[i](value, offset, 4 * first)));
      values.forEach((value, i) => {
        when(last.geS(4 * q + i), () => store(targets[i], value, 4 * first));
      });
    };
    when(last.geS(4 * q), () => {
      for (let first = 0; first < setChannels; first += 4) {
        if (first === 0) four(first);
        else when(count.gtS(first), () => four(first));
      }
    });
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
  const zeroBytes = 4 * setChannels;
  withTemporary(columnsBytes + zeroBytes, (columns) => {
    bytesAt(columns + columnsBytes, zeroBytes).fill(0);
    columnsKernel.run(
      {
        ...{ x, columns, channelBytes, channels: inChannels, pixelBytes: 4 * wordsPerRow(inChannels) },
        ...{ width: inWidth, height: inHeight, rows, top: height.before },
      },
      batch * rows,
      { grain: chunksOf(batch * rows, (inWidth * inChannels) / 30) },
    );
    filterGradientKernel(kernelHeight, kernelWidth, channels).run(
      {
        ...{ dy, df, columns, channelBytes, zeros: columns + columnsBytes, batch, rows, left: width.before },
        ...{ outHeight: height.output, outWidth: width.output, allChannels: outChannels },
      },
      Math.ceil(outChannels / setChannels),
      { grain: 1, scratch: pixelTables * channels * 4 * 16 + kernelHeight * kernelWidth * channels * setChannels * 4 },
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
    ...{ width: i32, height: i32, rows: i32, top: i32 },
  },
  (p, from, to) => {
    const square = i64.variable(undefined, 'square');
    const rowBytes = i32.variable(p.channels.mul(p.channelBytes), 'rowBytes');
    forRange(from, to, 1, (item) => {
      const image = i32.variable(item.divU(p.rows), 'image');
      const row = i32.variable(item.remU(p.rows).sub(p.top), 'row');
      const source = i32.variable(p.x.add(image.mul(p.height).add(row).mul(p.width).mul(p.pixelBytes)), 'source');
      const target = i32.variable(p.columns.add(item.mul(rowBytes)), 'target');
      // Channels are whole words; around the columns, and above and below the image, are zeros: +1.
      forRange(0, rowBytes, 4, (at) => store(target.add(at), i32.const(0)));
      const width = i32.variable(select(row.ltU(p.height), p.width, i32.const(0)), 'width');
      forRange(0, width, 8, (column) => {
        const count = i32.variable(width.sub(column).min(i32.const(8)), 'count');
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
        const bits = Array.from({ length: pixelTables }, (_, t) => i32.variable(undefined, `bits${t}`));
        const shift = Array.from({ length: pixelTables }, (_, t) => i32.variable(undefined, `shift${t}`));
        const sumBytes = taps * channels * channels * 4;
        forRange(from, to, 1, (set) => {
          const channel = i32.variable(set.mul(setChannels), 'channel');
          const groups = p.allChannels.sub(channel).min(i32.const(setChannels)).divU(i32.const(channels));
          const groupCount = i32.variable(groups, 'groupCount');
          forRange(0, groupCount.mul(sumBytes), 16, (at) => store(sums.add(at), f32x4.const(0)));
          const quad = i32.variable(0, 'quad');
          const rowsLeft = i32.variable(p.batch.mul(p.outHeight), 'rowsLeft');
          // Rows of X are more than those of dY: those of an image begin anew.
          const y = i32.variable(0, 'y');
          const xRow = i32.variable(p.columns.add(channel.mul(p.channelBytes)), 'xRow');
          const dyRow = i32.variable(p.dy.add(channel.mul(4)), 'dyRow');
          const pixel = Array.from({ length: 4 * pixelTables }, (_, i) => i32.variable(undefined, `pixel${i}`));
          forRange(0, p.batch.mul(p.outHeight).mul(quads), pixelTables, () => {
            for (let t = 0; t < pixelTables; t++) {
              const isThere = i32.variable(rowsLeft.gtS(0), 'isThere');
              const column = i32.variable(quad.shl(2), 'column');
              const first = i32.variable(dyRow.add(column.mul(pixelBytes)), 'first');
              for (let j = 0; j < 4; j++) {
                // Beyond the row, and the last row, are zeros.
                const isReal = isThere.and(column.add(j).ltS(p.outWidth));
                pixel[4 * t + j].set(select(isReal, first.add(pixelBytes.mul(j)), p.zeros));
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
            const offset = i32.variable(0, 'offset');
            const groupSums = i32.variable(sums, 'groupSums');
            forRange(0, groupCount, 1, () => {
              for (let t = 0; t < pixelTables; t++) {
                for (let v = 0; v < vectors; v++) {
                  const f = pixel
                    .slice(4 * t, 4 * t + 4)
                    .map((at) => f32x4.variable(f32x4.load(at.add(offset), 16 * v)));
                  makeTable(f, scratch, (t * vectors + v) * tableBytes);
                }
              }
              lookUpTaps(p.channelBytes, rowBytes, bits, shift, scratch, groupSums, [
                kernelHeight,
                kernelWidth,
                channels,
              ]);
              offset.set(offset.add(4 * channels));
              groupSums.set(groupSums.add(sumBytes));
              for (const at of bits) at.set(at.add(p.channelBytes.mul(channels)));
            });
          });
          const filter = i32.variable(channel, 'filter');
          const done = i32.variable(sums, 'done');
          forRange(0, groupCount, 1, () => {
            writeFilters(p.df, filter, done, taps, channels);
            filter.set(filter.add(channels));
            done.set(done.add(sumBytes));
          });
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
