import { chunksOf } from '../../backends/cpu/dispatch.js';
import { withTemporary } from '../../backends/cpu/heap.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { bytesAt } from '../../backends/cpu/memory.js';
import { memoize } from '../../backends/memoize.js';
import { type BitTensor, wordsPerRow } from '../../bit-tensor.js';
import type { Tensor } from '../../tensor.js';
import {
  f32x4,
  forRange,
  type I32,
  i32,
  repeat,
  select,
  store,
  transpose4x4,
  type Variable,
  when,
} from '../../wasm/assembler.js';
import type { Window } from '../window.js';
import { columnsKernel, firstColumnBit } from './columns.wasm.js';
import { setChannels, tableBytes } from './grouped-lookup.js';
import { makeTable } from './lookup.wasm.js';

/**
 * dF [filters, height, width, channels] of a grouped convolution.
 *
 * The lanes are the filters of a group. A table is made from four neighboring pixels of dY in a row. The signs with
 * which a tap adds them up are the signs of four neighboring pixels in a channel of X. So that these are neighboring
 * bits, X is first transposed from channels to columns.
 */
export function groupedFilterGradient(dy: Tensor, x: BitTensor, df: Tensor, { height, width }: Window): void {
  const [outChannels, kernelHeight, kernelWidth, channels] = df.shape;
  const [batch, inHeight, inWidth, inChannels] = x.shape;
  // The transposed image includes the rows of the border above and below, which are +1.
  const rows = height.output + kernelHeight - 1;
  const channelBytes = Math.ceil(Math.max(inWidth, width.output) / 32) * 4 + 8;
  const columnsBytes = batch * rows * inChannels * channelBytes;
  const zeroBytes = 4 * setChannels;
  withTemporary(columnsBytes + zeroBytes, (columns) => {
    bytesAt(columns + columnsBytes, zeroBytes).fill(0);
    columnsKernel.run(
      {
        x,
        columns,
        channelBytes,
        channels: inChannels,
        pixelBytes: 4 * wordsPerRow(inChannels),
        width: inWidth,
        height: inHeight,
        rows,
        top: height.before,
      },
      batch * rows,
      { grain: chunksOf(batch * rows, (inWidth * inChannels) / 30) },
    );
    filterGradientKernel(kernelHeight, kernelWidth, channels).run(
      {
        dy,
        df,
        columns,
        channelBytes,
        zeros: columns + columnsBytes,
        batch,
        rows,
        left: width.before,
        outHeight: height.output,
        outWidth: width.output,
        allChannels: outChannels,
      },
      Math.ceil(outChannels / setChannels),
      { grain: 1, scratch: pixelTables * channels * 4 * 16 + kernelHeight * kernelWidth * channels * setChannels * 4 },
    );
  });
}

/** Tables that are made together, of four pixels each. */
const pixelTables = 4;

const filterGradientKernel = memoize(
  (kernelHeight: number, kernelWidth: number, channels: number) =>
    new Kernel(
      `bits_grouped_filter_gradient_${kernelHeight}x${kernelWidth}_c${channels}__lookup`,
      {
        dy: i32,
        df: i32,
        columns: i32,
        channelBytes: i32,
        zeros: i32,
        batch: i32,
        rows: i32,
        left: i32,
        outHeight: i32,
        outWidth: i32,
        allChannels: i32,
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
          const groups = p.allChannels.sub(channel).minU(i32.const(setChannels)).divU(i32.const(channels));
          const groupCount = i32.variable(groups, 'groupCount');
          forRange(0, groupCount.mul(sumBytes), 16, (at) => store(sums.add(at), f32x4.const(0)));
          const quad = i32.variable(0, 'quad');
          const rowsLeft = i32.variable(p.batch.mul(p.outHeight), 'rowsLeft');
          // An image has more rows of X than of dY. y counts its rows of dY, so that xRow can skip the difference.
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
                // Pixels past the end of a row, or past the last row, are zeros.
                const isReal = isThere.and(column.add(j).ltS(p.outWidth));
                pixel[4 * t + j].set(select(isReal, first.add(pixelBytes.mul(j)), p.zeros));
              }
              // The four bits for the first tap start at column − left. Shifts turn them into the offset of an entry.
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
              lookUpTaps(
                { bits, shift, channelBytes: p.channelBytes, rowBytes },
                [kernelHeight, kernelWidth, channels],
                scratch,
                groupSums,
              );
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

/** The signs of X in columns, as seen from the first tap. */
interface Signs {
  /** For each table, the address of its four bits in the first channel of the group, and their shift in that byte. */
  readonly bits: readonly Variable<I32>[];
  readonly shift: readonly I32[];
  readonly channelBytes: I32;
  readonly rowBytes: I32;
}

/** Looks up one entry of each table for every tap and channel of a group, and adds them to the sums. */
function lookUpTaps(
  { bits, shift, channelBytes, rowBytes }: Signs,
  [kernelHeight, kernelWidth, channels]: readonly number[],
  tables: I32,
  sums: I32,
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

/** Transposes sums [tap][channel][filter] into the filters [filter][tap][channel]. */
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
