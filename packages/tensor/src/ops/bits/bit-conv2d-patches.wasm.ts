import { chunksOf } from '../../backends/cpu/dispatch.js';
import { withTemporary } from '../../backends/cpu/heap.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { bytesAt } from '../../backends/cpu/memory.js';
import { memoize } from '../../backends/memoize.js';
import type { BitTensor } from '../../bit-tensor.js';
import type { Tensor } from '../../tensor.js';
import { forRange, type I32, i8x16, i32, i64, store, type Variable, when } from '../../wasm/assembler.js';
import type { Window } from '../window.js';
import { forEachPixel, tapAddress, tapsOf, windowArguments, windowParameters } from '../window.wasm.js';
import type { BitConv2dAttributes } from './bit-conv2d-attributes.js';
import { bitGemm } from './bit-gemm.js';
import { type CountDType, countBytes } from './bit-gemm.wasm.js';

/**
 * Whether to convolve by a matrix product. The channels must be whole words, since each tap of a filter starts a new
 * word. A patch must serve many filters, and there must be enough of them.
 */
export function hasPatches(filter: BitTensor, y: { readonly size: number }, { groups }: BitConv2dAttributes): boolean {
  const [filters, kernelHeight, kernelWidth, channels] = filter.shape;
  const signs = kernelHeight * kernelWidth * channels;
  return groups === 1 && channels % 32 === 0 && filters >= 48 && y.size >= 16 * filters && y.size * signs >= 2 ** 20;
}

/** Target size of the patches that are made at a time, in bytes. They stay in the second-level cache. */
const passBytes = 1 << 18;

/**
 * `bitConv2d` as a product of matrices of signs (im2col). The signs that an output pixel sees, its patch, are copied
 * into one row, tap after tap. Those outside the image are +1.
 */
export function bitConv2dByPatches(x: BitTensor, filter: BitTensor, y: Tensor<CountDType>, window: Window): void {
  const [filters, kernelHeight, kernelWidth, channels] = filter.shape;
  const signs = kernelHeight * kernelWidth * channels;
  const pixels = y.size / filters;
  const [tapBytes, patchBytes] = [channels / 8, signs / 8];
  const pixelsPerPass = Math.min(pixels, Math.max(1, Math.floor(passBytes / patchBytes)));
  const patchesBytes = pixelsPerPass * patchBytes;
  withTemporary(patchesBytes + tapBytes, (patches) => {
    const border = patches + patchesBytes;
    bytesAt(border, tapBytes).fill(0);
    for (let first = 0; first < pixels; first += pixelsPerPass) {
      const m = Math.min(pixelsPerPass, pixels - first);
      patchKernel(kernelHeight, kernelWidth, channels / 32).run(
        { x, patches, border, first, pixelBytes: tapBytes, ...windowArguments(window) },
        m,
        { grain: chunksOf(m, 10 + patchBytes / 10) },
      );
      const yOfPass = { dtype: y.dtype, address: y.address + first * filters * countBytes(y.dtype) };
      bitGemm({ m, n: filters, signs, a: { address: patches }, b: filter, y: yOfPass });
    }
  });
}

/** The items are the output pixels of a pass, which begins with pixel `first`. */
const patchKernel = memoize(
  (kernelHeight: number, kernelWidth: number, words: number) =>
    new Kernel(
      `bits_patches_${kernelHeight}x${kernelWidth}_w${words}`,
      { x: i32, patches: i32, border: i32, first: i32, pixelBytes: i32, ...windowParameters },
      (p, from, to) => {
        const target = i32.variable(p.patches.add(from.mul(4 * words * kernelHeight * kernelWidth)), 'target');
        forEachPixel(p.outHeight, p.outWidth, from.add(p.first), to.add(p.first), (n, i, j) => {
          // Taps that are contiguous in memory are copied together, unless some lie outside the image.
          const firstColumn = i32.variable(j.mul(p.strideX).sub(p.left), 'firstColumn');
          const isWithin = firstColumn.geS(0).and(firstColumn.add(kernelWidth - 1).ltS(p.width));
          when(
            p.dilationX.eq(1).and(isWithin),
            () => {
              for (let ki = 0; ki < kernelHeight; ki++) {
                const source = i32.variable(tapAddress(p, [n, i, j], [ki, 0]), 'source');
                when(
                  source.eq(p.border),
                  () => {
                    for (let kj = 0; kj < kernelWidth; kj++) copyWords(source, target, words);
                  },
                  () => copyWords(source, target, kernelWidth * words),
                );
              }
            },
            () => {
              for (const tap of tapsOf(kernelHeight, kernelWidth)) {
                copyWords(i32.variable(tapAddress(p, [n, i, j], tap), 'source'), target, words);
              }
            },
          );
        });
      },
    ),
);

/** Copies words and advances the target. */
function copyWords(source: I32, target: Variable<I32>, words: number): void {
  const whole = 16 * Math.floor(words / 4);
  if (whole <= 64) for (let at = 0; at < whole; at += 16) store(target, i8x16.load(source, at), at);
  else forRange(0, i32.const(whole), 16, (at) => store(target.add(at), i8x16.load(source.add(at))));
  if (words & 2) store(target, i64.load(source, whole), whole);
  if (words & 1) store(target, i32.load(source, 4 * (words - 1)), 4 * (words - 1));
  target.set(target.add(4 * words));
}
