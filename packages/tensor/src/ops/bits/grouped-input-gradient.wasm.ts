import { withTemporary } from '../../backends/cpu/heap.js';
import {
  type Argument,
  Kernel,
  type KernelParameters,
  kernelFamily,
  type ParameterTypes,
} from '../../backends/cpu/kernel.js';
import type { Shape } from '../../shape.js';
import { f32x4, forRange, type I32, i32, store, store8, transpose4x4, when } from '../../wasm/assembler.js';
import type { BitConv2dAttributes } from './bit-conv2d-attributes.js';
import { type Epilogue, epilogueFamily, type RowEpilogue } from './epilogue.wasm.js';
import { setChannels, tableBytes } from './grouped-lookup.js';
import { makeTable } from './lookup.wasm.js';

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
      const last = i32.variable(p.batch.sub(image).minU(i32.const(imageLanes)).sub(1), 'last');
      const channel = i32.variable(item.remU(p.sets).mul(setChannels), 'channel');
      const groups = i32.variable(
        p.allChannels.sub(channel).minU(i32.const(setChannels)).divU(i32.const(channels)),
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
            storeTransposedCell(p, cell, target, last, channel, groups.mul(channels), epilogue);
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
              .minU(last)
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
function storeTransposedCell(
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
      i32.variable(pixel.add(imagePixels.mul(i32.const(4 * q + i).minU(last))), 'imagePixel'),
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
