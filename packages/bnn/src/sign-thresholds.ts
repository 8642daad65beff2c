import { apply, type BitTensor, defineOp, ShapeError, type Tensor, tensor, tidy } from '@mobinet/tensor/functions';
import { setBits } from '@mobinet/tensor/kernels';
import type { Counts } from './counts.js';
import { hasKernels } from './counts.wasm.js';
import { gpuKernels } from './gpu-kernels.js';
import { signThresholdsByKernel } from './sign-thresholds.wasm.js';

/** Possible counts that are evaluated together. */
const countsPerCall = 1024;

/**
 * Finds the interval of counts for which the output of a binary layer is below 0, channel by channel. It evaluates the
 * layer's own op on every possible count, so thresholds and op agree on every sign. Such an interval, or the complement
 * of one, exists for every transform of `foldOutputTransform`, whose two linear pieces meet at 0.
 *
 * @param signsOf Computes the signs of the layer's output from counts [1, any size, 1, channels].
 * @param options.dtype The dtype of the counts; thresholds apply to stored values.
 * @param options.signs The number of weights of a filter.
 * @returns i16 [3, channels]: the start of the interval, its number of counts, and 1 where the output is below 0
 *   outside the interval instead; null if some channel has no such interval.
 */
export function thresholdsOf(
  signsOf: (counts: Counts) => BitTensor,
  { channels, dtype, signs }: { channels: number; dtype: Counts['dtype']; signs: number },
): Tensor<'i16'> | null {
  const [first, last] = dtype === 'u8' ? [0, signs] : [-signs, signs];
  const rowWords = Math.ceil(channels / 32);
  const words = new Int32Array((last - first + 1) * rowWords);
  for (let from = first; from <= last; from += countsPerCall) {
    const size = Math.min(countsPerCall, last + 1 - from);
    const counts = new (dtype === 'u8' ? Uint8Array : Int16Array)(size * channels);
    for (let k = 0; k < size; k++) counts.fill(from + k, k * channels, (k + 1) * channels);
    tidy(() => {
      const possible = tensor(counts, { shape: [1, size, 1, channels] }) as Counts;
      words.set(signsOf(possible).words, (from - first) * rowWords);
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

/** The integers in [first, last] that satisfy `holds`, as an interval or the complement of one; null if neither. */
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
 * The signs of a layer's output, computed from its counts alone: the sign is −1 if the count is in the interval of its
 * channel, or outside of it where the thresholds say so.
 *
 * @param counts [..., channels]
 * @param thresholds i16 [3, channels]: the start of each interval, its number of counts, and 1 where the sign is −1
 *   outside of it instead. They apply to stored values, so they belong to one dtype of counts.
 * @returns Signs [..., channels].
 * @throws ShapeError if the operands do not fit.
 * @example
 * ```ts
 * import { signThresholds } from '@mobinet/bnn/kernels';
 * import { tensor, unpackBits } from '@mobinet/tensor';
 *
 * const counts = tensor([[-4], [-2], [0], [2]], { dtype: 'i16' });
 * const thresholds = tensor([[-4], [3], [0]], { dtype: 'i16' }); // −1 for −4, −3 and −2
 * console.log(`${unpackBits(signThresholds(counts, thresholds)).values}`);
 * // → -1,-1,1,1
 * ```
 */
export function signThresholds(counts: Counts, thresholds: Tensor<'i16'>): BitTensor {
  return apply(signThresholdsOp, [counts, thresholds], undefined)[0];
}

/**
 * The op of `signThresholds`, for fusion rules.
 *
 * @example
 * ```ts
 * import { signThresholds, signThresholdsOp } from '@mobinet/bnn/kernels';
 * import { type Tensor, tensor, unpackBits } from '@mobinet/tensor';
 * import { isCallOf, trace } from '@mobinet/tensor/kernels';
 *
 * const thresholds = tensor([[-4], [3], [0]], { dtype: 'i16' });
 * const { calls } = trace(
 *   (counts) => unpackBits(signThresholds(counts as Tensor<'i16'>, thresholds)),
 *   [{ dtype: 'i16', shape: [4, 1] }],
 * );
 * console.log(calls.map((call) => call.kind === 'op' && isCallOf(call, signThresholdsOp)));
 * // → [ true, false ]
 * ```
 */
export const signThresholdsOp = defineOp<[Counts, Tensor<'i16'>], [BitTensor]>({
  name: 'signThresholds',
  accepts: [['u8', 'i16', 'i32'], ['i16']],
  outputs([counts, thresholds]) {
    if (thresholds.shape.join() !== `3,${counts.shape[counts.rank - 1]}`) {
      const operands = [
        { name: 'counts', shape: counts.shape, note: '…, channels' },
        { name: 'thresholds', shape: thresholds.shape, note: '3, channels' },
      ];
      const remedy = 'thresholds must be [3, channels].';
      throw new ShapeError('signThresholds', 'the operands do not fit', operands, remedy);
    }
    return [{ dtype: 'bits', shape: counts.shape }];
  },
  reference([{ values: counts, shape }, { values: thresholds }], [signs]) {
    const channels = shape[shape.length - 1];
    setBits(signs, (at) => {
      const c = at % channels;
      const distance = counts[at] - thresholds[c];
      // An interval may have up to 65535 counts: its size is stored in an i16, but read as unsigned.
      const isInside = distance >= 0 && distance < (thresholds[channels + c] & 0xffff);
      return isInside !== (thresholds[2 * channels + c] === 1);
    });
  },
  fast(inputs, outputs) {
    if (hasKernels([inputs[0]])) signThresholdsByKernel(inputs, outputs);
    else signThresholdsOp.reference(inputs, outputs, undefined);
  },
  webgpu: ([counts, thresholds], [signs]) => gpuKernels().signThresholdsOnGpu(counts, thresholds, signs),
});
