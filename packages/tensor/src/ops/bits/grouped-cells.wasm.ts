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
/** The channels of one image. */
const lineBytes = setChannels * 4;
export const slotBytes = (setChannels / 4) * imageVectors * tableBytes;

/** Pixels of a row of dY or dX in up to 8 images: runs of up to 16 channels. */
interface ImageRows {
  /** The address of the whole tensor, and the index of the first pixel of the row in the first image. */
  readonly address: I32;
  readonly pixel: I32;
  readonly width: I32;
  readonly imagePixels: I32;
  /** Index of the last image. Lanes past it repeat it. */
  readonly lastImage: I32;
  /** Bytes of a pixel, and of the run, and where the run starts in a pixel. */
  readonly pixelBytes: I32;
  readonly runBytes: I32;
  readonly firstByte: I32;
}

// A row is gathered before it is used, and scattered when it is complete: [pixel][image][16 channels] in scratch memory.
// Both run along the pixels of one image, so that many of them are fetched from memory at the same time.

/** Gathers a row of dY at `lines`, multiplied by a factor for each channel, if there are any. */
export function gatherRow(rows: ImageRows, factor: I32 | null, lines: I32): void {
  const { address, pixel, width, imagePixels, lastImage, pixelBytes, firstByte } = rows;
  forRange(0, i32.const(imageLanes), 1, (image) => {
    const first = pixel.add(image.minU(lastImage).mul(imagePixels));
    const source = i32.variable(address.add(first.mul(pixelBytes)).add(firstByte), 'source');
    const line = i32.variable(lines.add(image.mul(lineBytes)), 'line');
    forRange(0, width, 1, () => {
      forEachFourOf(rows, (offset, constant) => {
        const value = f32x4.load(source.add(offset), constant);
        const scaled = factor ? value.mul(f32x4.load(factor.add(offset), constant)) : value;
        store(line.add(offset), scaled, constant);
      });
      source.set(source.add(pixelBytes));
      line.set(line.add(cellBytes));
    });
  });
}

/** Scatters a complete row of dX from `lines`, through the epilogue. */
export function scatterRow(rows: ImageRows, lines: I32, epilogue: ((pixel: I32) => RowEpilogue) | null): void {
  const { address, width, imagePixels, lastImage, pixelBytes, firstByte } = rows;
  forRange(0, lastImage.add(1), 1, (image) => {
    const pixel = i32.variable(rows.pixel.add(image.mul(imagePixels)), 'pixel');
    const target = i32.variable(address.add(pixel.mul(pixelBytes)).add(firstByte), 'target');
    const line = i32.variable(lines.add(image.mul(lineBytes)), 'line');
    forRange(0, width, 1, () => {
      const transform = epilogue?.(pixel);
      forEachFourOf(rows, (offset, constant) => {
        const value = f32x4.variable(f32x4.load(line.add(offset), constant), 'value');
        store(target.add(offset), transform ? transform(value, firstByte.add(offset), constant) : value, constant);
      });
      pixel.set(pixel.add(1));
      target.set(target.add(pixelBytes));
      line.set(line.add(cellBytes));
    });
  });
}

/** Four channels at a time of a run, which is almost always complete. */
function forEachFourOf({ runBytes }: ImageRows, visit: (offset: I32, constant: number) => void): void {
  when(
    runBytes.eq(lineBytes),
    () => {
      for (let at = 0; at < lineBytes; at += 16) visit(i32.const(0), at);
    },
    () => forRange(0, runBytes, 16, (offset) => visit(offset, 0)),
  );
}

/** Makes the tables of one pixel of dY, [image][16 channels]: one for every four filters and four images. */
export function makeTables(pixel: I32, quads: I32, slot: I32): void {
  const at = i32.variable(slot, 'at');
  const source = i32.variable(pixel, 'source');
  forRange(0, quads, 1, () => {
    for (let q = 0; q < imageVectors; q++) {
      const square = [0, 1, 2, 3].map((i) => f32x4.variable(f32x4.load(source, (4 * q + i) * lineBytes)));
      makeTable(
        transpose4x4(square).map((filter) => f32x4.variable(filter)),
        at,
        q * tableBytes,
      );
    }
    at.set(at.add(imageVectors * tableBytes));
    source.set(source.add(16));
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

/** Transposes the sums of a cell, [channel][image], to a pixel of a row, [image][16 channels]. */
export function transposeCell(cell: I32, pixel: I32): void {
  for (let q = 0; q < imageVectors; q++) {
    for (let first = 0; first < setChannels; first += 4) {
      const square = [0, 1, 2, 3].map((c) => f32x4.variable(f32x4.load(cell, (first + c) * imageLanes * 4 + 16 * q)));
      transpose4x4(square).forEach((value, i) => {
        store(pixel, value, (4 * q + i) * lineBytes + 4 * first);
      });
    }
  }
}
