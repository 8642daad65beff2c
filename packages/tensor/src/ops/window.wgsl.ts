import type { Window } from './window.js';

/** Parameters of a shader that describe a sliding window over images. */
export const windowParametersOnGpu = {
  height: 'u32',
  width: 'u32',
  outHeight: 'u32',
  outWidth: 'u32',
  kernelHeight: 'u32',
  kernelWidth: 'u32',
  strideY: 'u32',
  strideX: 'u32',
  dilationY: 'u32',
  dilationX: 'u32',
  beforeY: 'i32',
  beforeX: 'i32',
} as const;

/** The values of `windowParametersOnGpu` for a window. */
export function windowArgumentsOnGpu({ height, width }: Window): Record<keyof typeof windowParametersOnGpu, number> {
  return {
    height: height.input,
    width: width.input,
    outHeight: height.output,
    outWidth: width.output,
    kernelHeight: height.taps,
    kernelWidth: width.taps,
    strideY: height.stride,
    strideX: width.stride,
    dilationY: height.dilation,
    dilationX: width.dilation,
    beforeY: height.before,
    beforeX: width.before,
  };
}

/** WGSL: the input pixel, numbered through the batch, that a tap of an output pixel reads, or −1 in the padding. */
export const pixelUnderTap = `
fn pixelUnder(pixel: u32, tap: u32) -> i32 {
  let i = (pixel / p.outWidth) % p.outHeight;
  let n = pixel / (p.outWidth * p.outHeight);
  let row = i32(i * p.strideY + (tap / p.kernelWidth) * p.dilationY) - p.beforeY;
  let column = i32((pixel % p.outWidth) * p.strideX + (tap % p.kernelWidth) * p.dilationX) - p.beforeX;
  if (row < 0 || row >= i32(p.height) || column < 0 || column >= i32(p.width)) { return -1; }
  return (i32(n * p.height) + row) * i32(p.width) + column;
}`;

/** WGSL: the output pixel that reads an input pixel with a given tap, or −1 if there is none. */
export const pixelReadBy = `
fn pixelReading(pixel: u32, tap: u32) -> i32 {
  let y = (pixel / p.width) % p.height;
  let n = pixel / (p.width * p.height);
  let row = i32(y) + p.beforeY - i32((tap / p.kernelWidth) * p.dilationY);
  let column = i32(pixel % p.width) + p.beforeX - i32((tap % p.kernelWidth) * p.dilationX);
  if (row < 0 || column < 0 || u32(row) % p.strideY != 0u || u32(column) % p.strideX != 0u) { return -1; }
  let i = u32(row) / p.strideY;
  let j = u32(column) / p.strideX;
  if (i >= p.outHeight || j >= p.outWidth) { return -1; }
  return i32((n * p.outHeight + i) * p.outWidth + j);
}`;
