import { type BitTensor, wordBits, wordsPerRow } from '../../bit-tensor.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import { type Shape, sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { type Conv2dAttributes, conv2dOutputShape, convolutionMultiplyAdds } from '../conv2d/conv2d-attributes.js';
import { bitConv2dByKernels } from './bit-conv2d.wasm.js';
import { type BitConv2dAttributes, type BitConv2dOptions, bitConv2dAttributes } from './bit-conv2d-attributes.js';
import type { CountDType } from './bit-gemm.wasm.js';
import { checkBits } from './check-bits.js';
import { popcount32 } from './popcount.js';
import { sumOfSignsPerTap } from './tap-sums.js';

/**
 * 2-D convolution of signs: `conv2d` over numbers ±1, computed on their bits with n − 2·popcount(a xor b)
 * (derived in bit-matmul.ts).
 *
 * @param x Images [batch, height, width, channels].
 * @param filter [outChannels, kernelHeight, kernelWidth, channels / groups]; groups may be of any size.
 * @param options.dtype Of the result. i16 takes half the memory of i32, the default. u8 takes a quarter, and holds how many signs
 * differ, d, in place of y = signs − 2·d.
 * @returns [batch, outHeight, outWidth, outChannels].
 * @throws ShapeError if the channels or groups do not fit; RangeError for filters of more signs than the dtype can count
 * (32,767 and 255), and for u8 with a border of zero.
 */
export function bitConv2d<D extends CountDType = 'i32'>(
  x: BitTensor,
  filter: BitTensor,
  { dtype, ...options }: BitConv2dOptions & { dtype?: D } = {},
): Tensor<D> {
  checkBits('bitConv2d', 'x', x);
  checkBits('bitConv2d', 'filter', filter);
  const attributes = bitConv2dAttributes('bitConv2d', x.shape, filter.shape, options, filter.label);
  const signs = sizeOf(filter.shape.slice(1));
  if (signs > mostSigns[dtype ?? 'i32']) {
    throw new RangeError(`bitConv2d: a filter of ${signs} signs makes counts beyond ${dtype}. Leave out the dtype.`);
  }
  if (dtype === 'u8' && attributes.paddingValue === 'zero') {
    throw new RangeError(
      "bitConv2d: u8 counts signs that differ, and a border of zero has none. Use i16, or a border of 'one'.",
    );
  }
  return apply(bitConv2dOp, [x, filter], { ...attributes, dtype: dtype ?? 'i32' })[0] as Tensor<D>;
}

/** The largest filters whose products fit. */
const mostSigns: Record<CountDType, number> = { i32: 2 ** 31 - 1, i16: 2 ** 15 - 1, u8: 255 };

/** Its gradient rule stands in convolution-gradient-rules.ts. */
export const bitConv2dOp = defineOp<
  [BitTensor, BitTensor],
  [Tensor<CountDType>],
  BitConv2dAttributes & { readonly dtype: CountDType },
  [BitTensor, BitTensor]
>({
  name: 'bitConv2d',
  outputs: ([x, filter], attributes) => [
    { dtype: attributes.dtype, shape: conv2dOutputShape(x.shape, filter.shape, attributes) },
  ],
  reference([x, filter], [{ values: y, shape }], attributes) {
    const [batch, outHeight, outWidth, outChannels] = shape;
    const [, kernelHeight, kernelWidth, groupChannels] = filter.shape;
    const { groups, paddingValue } = attributes;
    const filterWords = filter.words;
    const taps = kernelHeight * kernelWidth;
    const wordsPerFilter = taps * wordsPerRow(groupChannels);
    const signsPerFilter = taps * groupChannels;
    const filtersPerGroup = outChannels / groups;
    const patch: Patch = { words: new Int32Array(groups * wordsPerFilter), outsideTaps: [] };
    const patchWords = patch.words;
    const tapSums = paddingValue === 'zero' ? sumOfSignsPerTap(filter) : null;
    let yAt = 0;
    for (let n = 0; n < batch; n++) {
      for (let i = 0; i < outHeight; i++) {
        for (let j = 0; j < outWidth; j++) {
          gather(patch, x, filter.shape, attributes, n, i, j);
          let filterAt = 0;
          for (let group = 0; group < groups; group++) {
            const patchAt = group * wordsPerFilter;
            for (let f = 0; f < filtersPerGroup; f++) {
              let differences = 0;
              for (let word = 0; word < wordsPerFilter; word++) {
                differences += popcount32(patchWords[patchAt + word] ^ filterWords[filterAt + word]);
              }
              y[yAt++] = attributes.dtype === 'u8' ? differences : signsPerFilter - 2 * differences;
              filterAt += wordsPerFilter;
            }
          }
          if (tapSums !== null) {
            for (const tap of patch.outsideTaps) {
              for (let o = 0; o < outChannels; o++) y[yAt - outChannels + o] -= tapSums[o * taps + tap];
            }
          }
        }
      }
    }
  },
  fast: ([x, filter], [y], attributes) => bitConv2dByKernels(x, filter, y, attributes),
  webgpu: ([x, filter], [y], attributes) => gpuKernels().bitConv2dOnGpu(x, filter, y, attributes),
  multiplyAdds: ([, filter], [y]) => convolutionMultiplyAdds(y, filter.shape),
});

/**
 * The signs that one output pixel sees, laid out like a filter: for each group, tap after tap, each tap starting at a
 * new word. So every filter of the group meets them word by word, at whatever bit the group starts in the image.
 */
interface Patch {
  /** [groups, words of a filter]; the border is +1. */
  readonly words: Int32Array;
  /** Taps that see the border. Padding with zero takes back what they added. */
  readonly outsideTaps: number[];
}

/** Fills `patch` with what output pixel (i, j) of image n sees. */
function gather(
  { words, outsideTaps }: Patch,
  x: BitTensor,
  [, kernelHeight, kernelWidth, groupChannels]: Shape,
  { window, groups }: Conv2dAttributes,
  n: number,
  i: number,
  j: number,
): void {
  const [, height, width, channels] = x.shape;
  const image = x.words;
  const wordsPerPixel = wordsPerRow(channels);
  const wordsPerTap = wordsPerRow(groupChannels);
  const wordsPerFilter = kernelHeight * kernelWidth * wordsPerTap;
  outsideTaps.length = 0;
  let tap = 0;
  for (let ki = 0; ki < kernelHeight; ki++) {
    const row = i * window.height.stride + ki * window.height.dilation - window.height.before;
    for (let kj = 0; kj < kernelWidth; kj++, tap++) {
      const column = j * window.width.stride + kj * window.width.dilation - window.width.before;
      const outside = row < 0 || row >= height || column < 0 || column >= width;
      if (outside) outsideTaps.push(tap);
      const pixelAt = ((n * height + row) * width + column) * wordsPerPixel;
      for (let word = 0; word < wordsPerTap; word++) {
        const first = word * wordBits;
        const count = Math.min(wordBits, groupChannels - first);
        let at = tap * wordsPerTap + word;
        for (let group = 0; group < groups; group++, at += wordsPerFilter) {
          words[at] = outside ? 0 : bitsAt(image, pixelAt, group * groupChannels + first, count);
        }
      }
    }
  }
}

/** The `count` ≤ 32 bits of a row from its bit `first` on, shifted down to bit 0. They may straddle two words. */
export function bitsAt(words: Uint32Array, rowAt: number, first: number, count: number): number {
  const at = rowAt + (first >>> 5);
  const shift = first & 31;
  let bits = words[at] >>> shift;
  if (shift + count > wordBits) bits |= words[at + 1] << (wordBits - shift);
  return bits & (0xffffffff >>> (wordBits - count));
}
