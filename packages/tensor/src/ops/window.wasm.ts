import { forRange, type I32, i32, select, store, type Variable, when } from '../wasm/assembler.js';
import type { Window } from './window.js';

// How kernels walk over output pixels and find the address that each tap of the window reads.

/** Parameters of a kernel that describe a sliding window over images. */
export const windowParameters = {
  height: i32,
  width: i32,
  outHeight: i32,
  outWidth: i32,
  strideY: i32,
  strideX: i32,
  dilationY: i32,
  dilationX: i32,
  top: i32,
  left: i32,
};

type WindowVariables = { readonly [K in keyof typeof windowParameters]: Variable<I32> };

/** The values of `windowParameters` for a window. */
export function windowArguments({ height, width }: Window): Record<keyof typeof windowParameters, number> {
  return {
    height: height.input,
    width: width.input,
    outHeight: height.output,
    outWidth: width.output,
    strideY: height.stride,
    strideX: width.stride,
    dilationY: height.dilation,
    dilationX: width.dilation,
    top: height.before,
    left: width.before,
  };
}

/** The taps of a window, row by row. */
export function tapsOf(kernelHeight: number, kernelWidth: number): [ki: number, kj: number][] {
  return Array.from({ length: kernelHeight * kernelWidth }, (_, tap) => [
    Math.floor(tap / kernelWidth),
    tap % kernelWidth,
  ]);
}

/**
 * Statements that visit the pixels [from, to) of images of this size. Pixels are numbered through the batch; `body`
 * also gets the image n, and the row and column within it.
 *
 * @example
 * ```ts
 * import { zeros } from '@mobinet/tensor';
 * import { forEachPixel, i32, Kernel, store } from '@mobinet/tensor/kernels';
 *
 * const rows = new Kernel('example_rows', { y: i32 }, ({ y }, from, to) => {
 *   forEachPixel(i32.const(2), i32.const(3), from, to, (_n, row, _column, pixel) => store(y.add(pixel.mul(4)), row));
 * });
 * const y = zeros([6], 'i32');
 * rows.run({ y }, 6);
 * console.log(`${y.values}`);
 * // → 0,0,0,1,1,1
 * ```
 */
export function forEachPixel(
  height: I32,
  width: I32,
  from: I32,
  to: I32,
  body: (n: I32, row: I32, column: I32, pixel: I32) => void,
): void {
  const column = i32.variable(from.remU(width), 'column');
  const row = i32.variable(from.divU(width).remU(height), 'row');
  const n = i32.variable(from.divU(width.mul(height)), 'n');
  forRange(from, to, 1, (pixel) => {
    body(n, row, column, pixel);
    column.set(column.add(1));
    when(column.eq(width), () => {
      column.set(i32.const(0));
      row.set(row.add(1));
      when(row.eq(height), () => {
        row.set(i32.const(0));
        n.set(n.add(1));
      });
    });
  });
}

type TapWindow = WindowVariables & { readonly x: I32; readonly pixelBytes: I32; readonly border: I32 };

/**
 * The address that tap (ki, kj) of output pixel (i, j) of image n reads: a pixel of x, or `border` outside the image.
 */
export function tapAddress(
  window: TapWindow,
  [n, i, j]: readonly [n: I32, i: I32, j: I32],
  [ki, kj]: readonly [ki: number, kj: number],
): I32 {
  const { height, width, strideY, strideX, dilationY, dilationX, top, left, x, pixelBytes, border } = window;
  const row = i32.variable(i.mul(strideY).sub(top).add(dilationY.mul(ki)), 'tapRow');
  const column = i32.variable(j.mul(strideX).sub(left).add(dilationX.mul(kj)), 'tapColumn');
  // As unsigned numbers, negative rows and columns exceed the size, so one comparison checks both ends.
  const isInside = row.ltU(height).and(column.ltU(width));
  const pixel = n.mul(height).add(row).mul(width).add(column);
  return select(isInside, x.add(pixel.mul(pixelBytes)), border);
}

/**
 * Statements that write the addresses read by all taps of the output pixels [from, to) to `table`, pixel after pixel.
 */
export function storeTapAddresses(
  window: TapWindow,
  from: I32,
  to: I32,
  taps: readonly (readonly [ki: number, kj: number])[],
  table: I32,
): void {
  const entry = i32.variable(table, 'entry');
  forEachPixel(window.outHeight, window.outWidth, from, to, (n, i, j) => {
    taps.forEach((tap, index) => {
      store(entry, tapAddress(window, [n, i, j], tap), 4 * index);
    });
    entry.set(entry.add(4 * taps.length));
  });
}

/**
 * The address of the output pixel that read pixel (row, column) of image n with tap (ki, kj), or `border` if there is
 * none. The gradient walks from inputs to outputs, so here x holds the outputs.
 */
export function reverseTapAddress(
  window: TapWindow,
  [n, row, column]: readonly [n: I32, row: I32, column: I32],
  [ki, kj]: readonly [ki: number, kj: number],
): I32 {
  const { outHeight, outWidth, strideY, strideX, dilationY, dilationX, top, left, x, pixelBytes, border } = window;
  const i = i32.variable(row.add(top).sub(dilationY.mul(ki)), 'i');
  const j = i32.variable(column.add(left).sub(dilationX.mul(kj)), 'j');
  const isStep = i32.variable(i.remU(strideY).add(j.remU(strideX)).eq(0), 'isStep');
  i.set(i.divU(strideY));
  j.set(j.divU(strideX));
  const isInside = i.ltU(outHeight).and(j.ltU(outWidth)).and(isStep);
  const pixel = n.mul(outHeight).add(i).mul(outWidth).add(j);
  return select(isInside, x.add(pixel.mul(pixelBytes)), border);
}
