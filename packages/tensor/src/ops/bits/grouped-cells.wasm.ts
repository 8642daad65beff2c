import { f32x4, forRange, type I32, i32, store, transpose4x4, when } from '../../wasm/assembler.js';
import type { RowEpilogue } from './epilogue.wasm.js';
import { setChannels, tableBytes } from './grouped-lookup.js';
import { makeTable } from './lookup.wasm.js';

// Statements for single pixels of the grouped input gradient. The lanes are images: a cell has the sums of one pixel of
// dX, and a slot has the tables of one pixel of dY, for the same 16 channels of 8 images.

/** Images whose gradients are the lanes. */
export const imageLanes = 8;
const imageVectors = imageLanes / 4;

export const cellBytes = setChannels * imageLanes * 4;
export const slotBytes = (setChannels / 4) * imageVectors * tableBytes;

/** The same pixel of dY in 8 images. */
interface GradientPixel {
  /** The address of its first channel in the first image. */
  readonly address: I32;
  readonly imageBytes: I32;
  /** Index of the last image. Lanes past it repeat it. */
  readonly lastImage: I32;
  /** Number of channels, divided by four. */
  readonly quads: I32;
  /** The address of a factor for each channel, or null. */
  readonly factor: I32 | null;
}

/** Makes the tables of one pixel of dY: one for every four filters and four images. */
export function makeTables({ address, imageBytes, lastImage, quads, factor }: GradientPixel, slot: I32): void {
  const at = i32.variable(slot, 'at');
  const source = i32.variable(address, 'source');
  const factors = factor && i32.variable(factor, 'factors');
  forRange(0, quads, 1, () => {
    for (let q = 0; q < imageVectors; q++) {
      const square = [0, 1, 2, 3].map((i) => {
        const image = i32.const(4 * q + i).minU(lastImage);
        const value = f32x4.load(source.add(image.mul(imageBytes)));
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

/** The operands of `lookUpWindow`, for one group. */
interface WindowStep {
  /** The table indices of the group. */
  readonly indices: I32;
  /** Slot kx has the tables of the pixel of dY under column kx of the window. */
  readonly slots: readonly I32[];
  readonly group: I32;
  /** The incomplete sums of pixels one below the other, one for each row of the window but the last. */
  readonly waiting: readonly I32[];
  /** Receives the complete sums. */
  readonly cell: I32;
}

/**
 * Adds the contributions of a row of dY to the pixels of dX that see it, one below the other: row ky of the window adds
 * to waiting[ky], and the last row starts new sums. At the same time the sums move up by one, and the first ones, which
 * are now complete, go to the cell.
 */
export function lookUpWindow(
  { indices, slots, group, waiting, cell }: WindowStep,
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

/** The same past the last row of dY, where there is nothing to add: the sums only move up. */
export function shiftWaiting(waiting: readonly I32[], cell: I32): void {
  for (let at = 0; at < cellBytes; at += 16) {
    waiting.forEach((row, k) => {
      store(k === 0 ? cell : waiting[k - 1], f32x4.load(row, at), at);
    });
    if (waiting.length > 0) store(waiting[waiting.length - 1], f32x4.const(0), at);
  }
}

/** Where the sums of a cell go: some channels of the same pixel of dX in 8 images. */
interface ResultPixel {
  readonly dx: I32;
  /** Index of the pixel in the first image, and pixels from one image to the next. */
  readonly pixel: I32;
  readonly imagePixels: I32;
  readonly lastImage: I32;
  /** Channels of a whole pixel, the first channel of the cell, and the number of those that exist. */
  readonly allChannels: I32;
  readonly channel: I32;
  readonly count: I32;
}

/** Transposes the sums of a cell, [channel][image], into a run of channels for each image, through the epilogue. */
export function storeCell(
  cell: I32,
  { dx, pixel, imagePixels, lastImage, allChannels, channel, count }: ResultPixel,
  epilogue: ((pixel: I32) => RowEpilogue) | null,
): void {
  const offset = i32.variable(channel.mul(4), 'offset');
  for (let q = 0; q < imageVectors; q++) {
    const images = [0, 1, 2, 3].map((i) =>
      i32.variable(pixel.add(imagePixels.mul(i32.const(4 * q + i).minU(lastImage))), 'imagePixel'),
    );
    const rowEpilogues = images.map((image) => epilogue?.(image));
    const targets = images.map((image) => i32.variable(dx.add(image.mul(allChannels).mul(4)).add(offset), 'target'));
    const four = (first: number): void => {
      const channels = [0, 1, 2, 3].map((c) => f32x4.variable(f32x4.load(cell, (first + c) * imageLanes * 4 + 16 * q)));
      const values = transpose4x4(channels).map((value, i) =>
        f32x4.variable(rowEpilogues[i]?.(value, offset, 4 * first) ?? value),
      );
      values.forEach((value, i) => {
        when(lastImage.geS(4 * q + i), () => store(targets[i], value, 4 * first));
      });
    };
    when(lastImage.geS(4 * q), () => {
      for (let first = 0; first < setChannels; first += 4) {
        if (first === 0) four(first);
        else when(count.gtS(first), () => four(first));
      }
    });
  }
}
