import { chunksOf } from '../../backends/cpu/dispatch.js';
import { withTemporary } from '../../backends/cpu/heap.js';
import { Kernel } from '../../backends/cpu/kernel.js';
import { memoryBuffer } from '../../backends/cpu/memory.js';
import { memoize } from '../../backends/memoize.js';
import { type BitTensor, wordsPerRow } from '../../bit-tensor.js';
import { typedArrayOver } from '../../dtype.js';
import type { Tensor } from '../../tensor.js';
import { forRange, type I32, i16x8, i32, i32x4, store, store16, type Value, when } from '../../wasm/assembler.js';
import type { Window } from '../window.js';
import { forEachPixel, tapAddress, tapsOf, windowArguments, windowParameters } from '../window.wasm.js';
import { type CountDType, countBytes } from './bit-gemm.wasm.js';
import { popcount32 } from './popcount.js';

/** Types of dot products. Counts of differences (u8) cannot represent padding with zero. */
export type BorderDType = Exclude<CountDType, 'u8'>;

/** Pads with zero after the fact: subtracts from y what each tap outside the image has added for the sign +1. */
export function subtractBorder(y: Tensor<BorderDType>, filter: BitTensor, window: Window): void {
  const [outChannels, kernelHeight, kernelWidth] = filter.shape;
  const taps = kernelHeight * kernelWidth;
  const bytes = countBytes(y.dtype);
  const sums = sumOfSignsPerTap(filter);
  withTemporary(bytes * taps * outChannels, (byTap) => {
    const target = typedArrayOver(y.dtype, memoryBuffer(), byTap, taps * outChannels);
    for (let o = 0; o < outChannels; o++) {
      for (let tap = 0; tap < taps; tap++) target[tap * outChannels + o] = sums[o * taps + tap];
    }
    const pixels = y.size / outChannels;
    const args = { y, sums: byTap, rowBytes: bytes * outChannels, ...windowArguments(window) };
    const grain = chunksOf(pixels, taps + outChannels / 10);
    borderKernel(kernelHeight, kernelWidth, y.dtype).run(args, pixels, { grain });
  });
}

/**
 * The sum of the signs of each tap of each filter, [outChannels, taps]. A tap adds it where it reads a border of +1.
 */
function sumOfSignsPerTap(filter: BitTensor): Int32Array {
  const { words, shape, rowLength } = filter;
  const wordsPerTap = wordsPerRow(rowLength);
  const sums = new Int32Array(shape[0] * shape[1] * shape[2]);
  for (let tap = 0; tap < sums.length; tap++) {
    let minusOnes = 0;
    for (let word = 0; word < wordsPerTap; word++) minusOnes += popcount32(words[tap * wordsPerTap + word]);
    sums[tap] = rowLength - 2 * minusOnes;
  }
  return sums;
}

const borderKernel = memoize(
  (kernelHeight: number, kernelWidth: number, dtype: BorderDType) =>
    new Kernel(
      `bits_conv_border_${kernelHeight}x${kernelWidth}_${dtype}`,
      { y: i32, sums: i32, rowBytes: i32, ...windowParameters },
      (p, from, to) => {
        // Makes `tapAddress` return 0 outside the image and 1 inside.
        const inside = { ...p, x: i32.const(1), pixelBytes: i32.const(0), border: i32.const(0) };
        const whole = i32.variable(p.rowBytes.and(-16), 'whole');
        const yAt = i32.variable(p.y.add(from.mul(p.rowBytes)), 'yAt');
        forEachPixel(p.outHeight, p.outWidth, from, to, (n, i, j) => {
          tapsOf(kernelHeight, kernelWidth).forEach((tap, index) => {
            when(tapAddress(inside, [n, i, j], tap).eq(0), () => {
              const sumAt = i32.variable(p.sums.add(p.rowBytes.mul(index)), 'sumAt');
              forRange(0, whole, 16, (at) => store(yAt.add(at), difference(dtype, yAt.add(at), sumAt.add(at))));
              forRange(whole, p.rowBytes, countBytes(dtype), (at) =>
                storeOne(dtype, yAt.add(at), loadOne(dtype, yAt.add(at)).sub(loadOne(dtype, sumAt.add(at)))),
              );
            });
          });
          yAt.set(yAt.add(p.rowBytes));
        });
      },
    ),
);

const loadOne = (dtype: BorderDType, at: I32): I32 => (dtype === 'i16' ? i32.load16S(at) : i32.load(at));

function storeOne(dtype: BorderDType, at: I32, count: I32): void {
  if (dtype === 'i16') store16(at, count);
  else store(at, count);
}

/** The difference of the vectors of counts at two addresses. */
const difference = (dtype: BorderDType, a: I32, b: I32): Value =>
  dtype === 'i16' ? i16x8.load(a).sub(i16x8.load(b)) : i32x4.load(a).sub(i32x4.load(b));
