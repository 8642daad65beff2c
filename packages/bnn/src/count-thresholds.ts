import { apply, type BitTensor, defineOp, ShapeError, type Tensor, tensor, tidy } from '@mobinet/tensor';
import { setBits } from '@mobinet/tensor/kernels';
import { countThresholdsByKernel } from './count-thresholds.wasm.js';
import type { Counts } from './counts.js';
import { hasKernels } from './counts.wasm.js';
import { gpuKernels } from './gpu-kernels.js';

/** Counts that are tried at once. */
const countsAtOnce = 1024;

/**
 * Where the output of a binary layer is below 0, channel by channel, as an interval of counts. It is found by trying every count there can
 * be, with the op of the layer: so both come to the same signs. Two lines that meet at 0 (`foldLines`) are below 0 in one interval of
 * counts, or everywhere but in one.
 *
 * @param signsOf The op: the signs that it makes of counts [1, any number, 1, channels].
 * @param dtype Of the counts, and so what the thresholds are of. @param signs Of a filter.
 * @returns i16 [3, channels]: where the interval begins, how many counts it has, and 1 where the output is below 0 outside it;
 * null if there are channels without such an interval.
 */
export function thresholdsOf(
  signsOf: (counts: Counts) => BitTensor,
  { channels, dtype, signs }: { channels: number; dtype: Counts['dtype']; signs: number },
): Tensor<'i16'> | null {
  const [first, last] = dtype === 'u8' ? [0, signs] : [-signs, signs];
  const rowWords = Math.ceil(channels / 32);
  const words = new Int32Array((last - first + 1) * rowWords);
  for (let from = first; from <= last; from += countsAtOnce) {
    const size = Math.min(countsAtOnce, last + 1 - from);
    const counts = new (dtype === 'u8' ? Uint8Array : Int16Array)(size * channels);
    for (let k = 0; k < size; k++) counts.fill(from + k, k * channels, (k + 1) * channels);
    tidy(() => {
      const tried = tensor(counts, { shape: [1, size, 1, channels] }) as Counts;
      words.set(signsOf(tried).words, (from - first) * rowWords);
    });
  }
  const thresholds = new Int16Array(3 * channels);
  for (let c = 0; c < channels; c++) {
    const isBelow = (count: number): boolean => ((words[(count - first) * rowWords + (c >> 5)] >> (c & 31)) & 1) === 1;
    const interval = intervalWhere(isBelow, first, last);
    if (interval === null) return null;
    thresholds[c] = interval.from;
    thresholds[channels + c] = interval.count;
    thresholds[2 * channels + c] = Number(interval.isOutside);
  }
  return tensor(thresholds, { shape: [3, channels] });
}

/** The whole numbers in [first, last] for which `holds`, as an interval, or as all but an interval; null if they are neither. */
export function intervalWhere(
  holds: (value: number) => boolean,
  first: number,
  last: number,
): { from: number; count: number; isOutside: boolean } | null {
  const isOutside = holds(first) && holds(last);
  const inside = (value: number): boolean => holds(value) !== isOutside;
  let from = first;
  while (from <= last && !inside(from)) from++;
  let end = from;
  while (end <= last && inside(end)) end++;
  for (let value = end; value <= last; value++) if (inside(value)) return null;
  return { from, count: end - from, isOutside };
}

/**
 * The signs of a segment's output from its counts: whether they lie in an interval, channel by channel.
 *
 * @param counts [..., channels]
 * @param thresholds [3, channels], from `thresholdsOf`, for counts of this dtype.
 * @throws ShapeError if they do not fit.
 */
export function countThresholds(counts: Counts, thresholds: Tensor<'i16'>): BitTensor {
  return apply(countThresholdsOp, [counts, thresholds], undefined)[0];
}

export const countThresholdsOp = defineOp<[Counts, Tensor<'i16'>], [BitTensor]>({
  name: 'countThresholds',
  outputs([counts, thresholds]) {
    if (thresholds.shape.join() !== `3,${counts.shape[counts.rank - 1]}`) {
      throw new ShapeError('countThresholds', 'the operands do not fit', [
        { name: 'counts', shape: counts.shape, note: '…, channels' },
        { name: 'thresholds', shape: thresholds.shape, note: '3, channels' },
      ]);
    }
    return [{ dtype: 'bits', shape: counts.shape }];
  },
  reference([{ values: counts, shape }, { values: thresholds }], [signs]) {
    const channels = shape[shape.length - 1];
    setBits(signs, (at) => {
      const c = at % channels;
      const distance = counts[at] - thresholds[c];
      // An i16 holds all numbers of counts that there can be, but for some as if they were below 0.
      const isInside = distance >= 0 && distance < (thresholds[channels + c] & 0xffff);
      return isInside !== (thresholds[2 * channels + c] === 1);
    });
  },
  fast(inputs, outputs) {
    if (hasKernels([inputs[0]])) countThresholdsByKernel(inputs, outputs);
    else countThresholdsOp.reference(inputs, outputs, undefined);
  },
  webgpu: ([counts, thresholds], [signs]) => gpuKernels().countThresholdsOnGpu(counts, thresholds, signs),
});
