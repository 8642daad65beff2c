import { withTemporary } from '../../backends/cpu/heap.js';
import { type Argument, Kernel, type ParameterTypes } from '../../backends/cpu/kernel.js';
import { memoize } from '../../backends/memoize.js';
import type { BitTensor } from '../../bit-tensor.js';
import { f32x4, forRange, type I32, i32, store, store8, when } from '../../wasm/assembler.js';
import type { InputGradientTensors } from '../conv2d/input-gradient-tensors.js';
import type { Window } from '../window.js';
import { type Epilogue, type EpilogueArguments, epilogueFamily } from './epilogue.wasm.js';
import {
  cellBytes,
  gatherRow,
  imageLanes,
  lookUpWindow,
  makeTables,
  scatterRow,
  shiftWaiting,
  slotBytes,
  transposeCell,
} from './grouped-cells.wasm.js';
import { setChannels } from './grouped-lookup.js';

/**
 * dX [batch, height, width, channels] of a grouped convolution, through the epilogue.
 *
 * The lanes are 8 images, so that a step to the right is one vector further. For each pixel of dY, a table is made for
 * every four filters of a group, and each pixel of dX looks up the contributions of the pixels of dY under its window.
 * A row of dX is visited once for each row of dY that it sees. With a 3×3 window, two rows of incomplete sums wait for
 * the next rows of dY; a row is stored when it is complete.
 */
export function groupedInputGradient<P extends ParameterTypes>(
  { dy, filter, scale, dx }: InputGradientTensors<BitTensor>,
  { height, width }: Window,
  epilogue: Epilogue<P>,
  args: EpilogueArguments<P>,
): void {
  const [outChannels, kernelHeight, kernelWidth, channels] = filter.shape;
  const [batch] = dx.shape;
  const groups = outChannels / channels;
  const sets = Math.ceil(outChannels / setChannels);
  const groupIndexBytes = (kernelHeight * kernelWidth * channels * channels) / 4;
  withTemporary(groups * groupIndexBytes, (indices) => {
    indexKernel(kernelHeight * kernelWidth, channels).run({ filter, indices }, groups);
    const rowBytes = width.input * cellBytes;
    const lineBytes = Math.max(width.input, width.output) * cellBytes;
    inputGradientKernel(epilogue, kernelHeight, kernelWidth, channels, scale !== null).run(
      {
        dy,
        scale: scale ?? 0,
        dx,
        indices,
        batch,
        allChannels: outChannels,
        sets,
        rowBytes,
        lineBytes,
        height: height.input,
        width: width.input,
        outHeight: height.output,
        outWidth: width.output,
        top: height.before,
        left: width.before,
        ...args,
      } as Record<keyof P | keyof typeof parameters, Argument>,
      Math.ceil(batch / imageLanes) * sets,
      { grain: 1, scratch: kernelWidth * slotBytes + cellBytes + lineBytes + (kernelHeight - 1) * rowBytes },
    );
  });
}

const parameters = {
  dy: i32,
  scale: i32,
  dx: i32,
  indices: i32,
  batch: i32,
  allChannels: i32,
  sets: i32,
  rowBytes: i32,
  lineBytes: i32,
  height: i32,
  width: i32,
  outHeight: i32,
  outWidth: i32,
  top: i32,
  left: i32,
};

/**
 * Byte offsets of table entries for each tap, channel and four filters of a group. Bit 4 + j is the sign of filter j.
 */
const indexKernel = memoize(
  (taps: number, channels: number) =>
    new Kernel(
      `bits_grouped_indices_t${taps}_c${channels}`,
      { filter: i32, indices: i32 },
      ({ filter, indices }, from, to) => {
        // A tap of a filter is one word, whose low bits are the channels.
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

/** The items are sets of channels of 8 images. */
const inputGradientKernel = epilogueFamily(
  parameters,
  (kernelHeight: number, kernelWidth: number, channels: number, hasScale: boolean) => ({
    name: `bits_grouped_input_gradient_${kernelHeight}x${kernelWidth}_c${channels}${hasScale ? '_scaled' : ''}`,
    body(p, from, to, scratch, epilogue) {
      const pixelBytes = i32.variable(p.allChannels.mul(4), 'pixelBytes');
      const cell = i32.variable(scratch.add(kernelWidth * slotBytes), 'cell');
      const lines = i32.variable(cell.add(cellBytes), 'lines');
      // The sums in row k are complete after k + 1 more rows of dY.
      const rows = Array.from({ length: kernelHeight - 1 }, (_, k) =>
        i32.variable(lines.add(p.lineBytes).add(p.rowBytes.mul(k)), `row${k}`),
      );
      forRange(from, to, 1, (item) => {
        const image = i32.variable(item.divU(p.sets).mul(imageLanes), 'image');
        const lastImage = i32.variable(p.batch.sub(image).minU(i32.const(imageLanes)).sub(1), 'last');
        const channel = i32.variable(item.remU(p.sets).mul(setChannels), 'channel');
        const groups = i32.variable(
          p.allChannels.sub(channel).minU(i32.const(setChannels)).divU(i32.const(channels)),
          'groups',
        );
        const indexBytes = kernelHeight * kernelWidth * channels * (channels / 4);
        const indices = i32.variable(p.indices.add(channel.divU(i32.const(channels)).mul(indexBytes)), 'indices');
        const factor = i32.variable(p.scale.add(channel.mul(4)), 'factor');
        const rowsOf = (address: I32, row: I32, height: I32, width: I32) => ({
          address,
          pixel: i32.variable(image.mul(height).add(row).mul(width), 'rowPixel'),
          width,
          imagePixels: i32.variable(height.mul(width), 'imagePixels'),
          lastImage,
          pixelBytes,
          runBytes: i32.variable(groups.mul(4 * channels), 'runBytes'),
          firstByte: i32.variable(channel.mul(4), 'firstByte'),
        });
        if (rows.length > 0) clear(rows[0], p.rowBytes.mul(rows.length));
        clear(scratch, i32.const(kernelWidth * slotBytes));
        // Slot kx has the tables of the pixel of dY under column kx of the window.
        const slots = Array.from({ length: kernelWidth }, (_, kx) =>
          i32.variable(scratch.add(kx * slotBytes), `slot${kx}`),
        );

        forRange(0, p.outHeight.add(kernelHeight - 1), 1, (y) => {
          const isInside = i32.variable(y.ltS(p.outHeight), 'isInside');
          const x = i32.variable(0, 'x');
          const nextSlot = (): void => {
            const oldest = i32.variable(slots[kernelWidth - 1], 'oldest');
            for (let kx = kernelWidth - 1; kx > 0; kx--) slots[kx].set(slots[kx - 1]);
            slots[0].set(oldest);
            when(
              x.ltS(p.outWidth),
              () => makeTables(lines.add(x.mul(cellBytes)), groups.mul(channels / 4), slots[0]),
              () => clear(oldest, i32.const(slotBytes)),
            );
            x.set(x.add(1));
          };
          // To the left of a row is the border, which contributes nothing.
          when(isInside, () => {
            gatherRow(rowsOf(p.dy, y, p.outHeight, p.outWidth), hasScale ? factor : null, lines);
            for (const slot of slots) clear(slot, i32.const(slotBytes));
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
                  const step = { indices: index, slots, group, waiting, cell };
                  lookUpWindow(step, [kernelHeight, kernelWidth, channels]);
                  index.set(index.add(indexBytes));
                  group.set(group.add(1));
                });
              },
              () => shiftWaiting(waiting, cell),
            );
            // The pixel of dY at this place has been read already.
            transposeCell(cell, lines.add(column.mul(cellBytes)));
            for (const at of waiting) at.set(at.add(cellBytes));
          });
          when(row.ltU(p.height), () => scatterRow(rowsOf(p.dx, row, p.height, p.width), lines, epilogue));
        });
      });
    },
  }),
);

/** Statement that fills memory with 0. */
function clear(address: I32, bytes: I32): void {
  forRange(0, bytes, 16, (at) => store(address.add(at), f32x4.const(0)));
}
