import { type BitTensor, wordBits, wordsPerRow } from '../../bit-tensor.js';
import type { Tensor } from '../../tensor.js';
import { isPointwise, locateTaps } from '../window.js';
import { type BitConv2dAttributes, bitsAt, sumOfSignsPerTap } from './bit-conv2d.js';
import { bitGemm, bitRows } from './bit-gemm.js';

/** Output pixels whose patches are made at a time. */
const chunkPixels = 256;

/**
 * Convolution of signs as products of bit matrices: what an output pixel sees of its group becomes one row of bits, tap
 * after tap without gaps, and every filter one row likewise. A group of 8 channels under 3×3 taps is 72 bits, three
 * words, where words of their own for every tap would make nine.
 */
export function bitConv2dByGemm(
  x: BitTensor,
  filter: BitTensor,
  { values: y, shape }: Tensor<'i32'>,
  attributes: BitConv2dAttributes,
): void {
  const { groups, window, paddingValue } = attributes;
  const [outChannels, kernelHeight, kernelWidth, groupChannels] = filter.shape;
  const pixels = shape[0] * shape[1] * shape[2];
  const counts = { values: y, offset: 0, stride: outChannels };
  if (groups === 1 && isPointwise(window)) {
    const [images, filters] = [bitRows(x.words, groupChannels), bitRows(filter.words, groupChannels)];
    bitGemm(pixels, outChannels, groupChannels, images, filters, counts);
    return;
  }

  const taps = kernelHeight * kernelWidth;
  const signs = taps * groupChannels;
  const filtersPerGroup = outChannels / groups;
  const allTaps = Int32Array.from({ length: outChannels * taps }, (_, tap) => tap);
  const filterWords = joinTaps(filter, allTaps, taps, 0, groupChannels);
  const tapSums = paddingValue === 'zero' ? sumOfSignsPerTap(filter) : null;
  const chunk = Math.min(pixels, chunkPixels);
  const places = new Int32Array(chunk * taps);
  const patchWords = new Uint32Array(chunk * wordsPerRow(signs));
  for (let first = 0; first < pixels; first += chunk) {
    const count = Math.min(chunk, pixels - first);
    const located = places.subarray(0, locateTaps(window, first, count, places));
    for (let group = 0; group < groups; group++) {
      const firstFilter = group * filtersPerGroup;
      const patches = bitRows(joinTaps(x, located, taps, group * groupChannels, groupChannels, patchWords), signs);
      const filters = bitRows(filterWords, signs, firstFilter * wordsPerRow(signs));
      const target = { ...counts, offset: first * outChannels + firstFilter };
      bitGemm(count, filtersPerGroup, signs, patches, filters, target);
    }
    if (tapSums) takeBackBorder(y, first * outChannels, outChannels, taps, located, tapSums);
  }
}

/**
 * Rows of bits without gaps, `taps` taps a row: of each place in `places` (a row of `source`; −1 stands for +1s) the `count`
 * signs from `firstChannel` on.
 */
function joinTaps(
  source: BitTensor,
  places: Int32Array,
  taps: number,
  firstChannel: number,
  count: number,
  target = new Uint32Array((places.length / taps) * wordsPerRow(taps * count)),
): Uint32Array {
  const { words } = source;
  const sourceWords = wordsPerRow(source.rowLength);
  const targetWords = wordsPerRow(taps * count);
  target.fill(0);
  let row = 0;
  for (let place = 0; place < places.length; row += targetWords) {
    let position = 0;
    for (let tap = 0; tap < taps; tap++, place++, position += count) {
      if (places[place] < 0) continue;
      const from = (places[place] * sourceWords) | 0;
      for (let done = 0; done < count; done += wordBits) {
        const bits = bitsAt(words, from, firstChannel + done, Math.min(wordBits, count - done));
        const at = row + ((position + done) >> 5);
        const shift = (position + done) & 31;
        target[at] |= bits << shift;
        // What did not fit; beyond the end of a row there is nothing left.
        if (shift > 0) target[at + 1] |= bits >>> (wordBits - shift);
      }
    }
  }
  return target;
}

/** Bits make a border of +1. To pad with zero, what each tap outside added is subtracted again. */
function takeBackBorder(
  y: Int32Array,
  offset: number,
  outChannels: number,
  taps: number,
  places: Int32Array,
  tapSums: Int32Array,
): void {
  places.forEach((pixel, place) => {
    if (pixel >= 0) return;
    const tap = place % taps;
    const at = offset + Math.floor(place / taps) * outChannels;
    for (let o = 0; o < outChannels; o++) y[at + o] -= tapSums[o * taps + tap];
  });
}
