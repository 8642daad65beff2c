import type { BitTensor, Tensor } from '@mobinet/tensor/functions';
import { chunksOf, forRange, type I16x8, type I32, i16x8, i32, Kernel, memoize, store8 } from '@mobinet/tensor/kernels';
import type { Counts } from './counts.js';
import { bytesOf, type CountDType } from './counts.wasm.js';

export function signThresholdsByKernel(
  [counts, thresholds]: readonly [Counts, Tensor<'i16'>],
  [signs]: readonly [BitTensor],
): void {
  const channels = thresholds.shape[1];
  const rows = counts.size / channels;
  if (channels % 32 !== 0) signs.words.fill(0);
  thresholdsKernel(counts.dtype).run(
    { counts, thresholds, signs, channels, signBytes: 4 * Math.ceil(channels / 32) },
    rows,
    { grain: chunksOf(rows, 2 + channels / 8) },
  );
}

/** Eight channels at a time: one subtraction and one unsigned comparison. */
const thresholdsKernel = memoize(
  (dtype: CountDType) =>
    new Kernel(
      `sign_thresholds_${dtype}`,
      { counts: i32, thresholds: i32, signs: i32, channels: i32, signBytes: i32 },
      ({ counts, thresholds, signs, channels, signBytes }, from, to) => {
        const bytes = bytesOf[dtype];
        const rowBytes = i32.variable(channels.mul(2), 'rowBytes');
        const count = i32.variable(counts.add(from.mul(channels).mul(bytes)), 'count');
        const half = i16x8.const(-0x8000);
        const load = (at: I32): I16x8 => (dtype === 'u8' ? i16x8.load8U(at) : i16x8.load(at));
        forRange(from, to, 1, (row) => {
          const [first, size, outside] = [0, 1, 2].map((k) =>
            i32.variable(thresholds.add(rowBytes.mul(k)), 'thresholdRow'),
          );
          const signAt = i32.variable(signs.add(row.mul(signBytes)), 'signAt');
          forRange(0, channels, 8, () => {
            // With both sides shifted by half their range, the signed comparison orders them as unsigned numbers.
            const distance = load(count).sub(i16x8.load(first)).sub(half);
            const isInside = i16x8.load(size).sub(half).gtS(distance);
            store8(signAt, isInside.xor(i16x8.const(0).sub(i16x8.load(outside))).bitmask());
            count.set(count.add(8 * bytes));
            signAt.set(signAt.add(1));
            for (const at of [first, size, outside]) at.set(at.add(16));
          });
        });
      },
    ),
);
