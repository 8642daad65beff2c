import type { BitTensor, Tensor } from '@mobinet/tensor';
import {
  chunksOf,
  type F32x4,
  f32x4,
  forEachPixel,
  forRange,
  type I16x8,
  i16x8,
  i32,
  i32x4,
  Kernel,
  kernelFamily,
  store,
  store8,
  store16,
} from '@mobinet/tensor/kernels';
import type { CountLinesAttributes, CountLinesInputs, LinesPool } from './count-lines-attributes.js';
import { bytesOf, type CountDType, loadCounts, splitAtZero } from './counts.wasm.js';

export function countLinesByKernel(
  [counts, lines, ...[skip]]: CountLinesInputs,
  [output, outputSigns]: readonly [Tensor, BitTensor],
  { signs, skipRepeats, pool }: CountLinesAttributes,
): void {
  const [, height, width, channels] = counts.shape;
  const [, outHeight, outWidth] = output.shape;
  const [skipChannels, repeats] = skip ? [channels / skipRepeats, skipRepeats] : [channels, 1];
  const pixels = output.size / channels;
  if (channels % 32 !== 0) outputSigns.words.fill(0);
  const step = skipChannels % channelsAtOnce === 0 ? channelsAtOnce : 8;
  linesKernel(counts.dtype, skip !== undefined, pool ?? '', step).run(
    {
      ...{ counts, signs, lines, skip: skip ?? 0, output, outputSigns, signBytes: 4 * Math.ceil(channels / 32) },
      ...{ channels, skipChannels, repeats, height, width, outHeight, outWidth },
    },
    pixels,
    { grain: chunksOf(pixels, 2 + channels * (pool ? 0.8 : 0.35)) },
  );
}

/** Channels that go through the kernel before its loop goes round, if there are as many. */
const channelsAtOnce = 32;

/** For each pixel of the output eight channels at a time: lines, skip and pool, then the signs of the result as a byte. */
const linesKernel = kernelFamily(
  (dtype: CountDType, skips: boolean, pool: LinesPool | '', step: number) =>
    new Kernel(
      `counts_lines_${[dtype, ...(skips ? ['skip'] : []), ...(pool ? [pool] : [])].join('_')}_x${step}`,
      {
        ...{ counts: i32, signs: i32, lines: i32, skip: i32, output: i32, outputSigns: i32, signBytes: i32 },
        ...{ channels: i32, skipChannels: i32, repeats: i32, height: i32, width: i32, outHeight: i32, outWidth: i32 },
      },
      (p, from, to) => {
        const bytes = bytesOf[dtype];
        const all = i16x8.variable(i16x8.splat(p.signs), 'all');
        const lineBytes = i32.variable(p.channels.mul(4), 'lineBytes');
        const skipBytes = i32.variable(p.skipChannels.mul(4), 'skipBytes');
        const countBytes = i32.variable(p.channels.mul(bytes), 'countBytes');
        const target = i32.variable(p.output.add(from.mul(lineBytes)), 'target');

        forEachPixel(p.outHeight, p.outWidth, from, to, (n, row, column, pixel) => {
          const first = pool
            ? i32.variable(n.mul(p.height).add(row.shl(1)).mul(p.width).add(column.shl(1)), 'first')
            : pixel;
          // A window's pixels: beside each other, then those of the row below.
          const window = pool ? [first, first.add(1), first.add(p.width), first.add(p.width).add(1)] : [first];
          const sources = window.map((source) => ({
            count: i32.variable(p.counts.add(source.mul(countBytes)), 'count'),
            skip: i32.variable(p.skip.add(source.mul(skipBytes)), 'skip'),
          }));
          const signAt = i32.variable(p.outputSigns.add(pixel.mul(p.signBytes)), 'signAt');
          const lines = [0, 1, 2].map((k) => i32.variable(p.lines.add(lineBytes.mul(k)), 'line'));

          /** Eight channels, from `channel` on: writes them, and returns which are below 0. */
          const eight = (channel: number): I16x8 => {
            const counts = sources.map(({ count }) =>
              i16x8.variable(loadCounts(dtype, all, count, channel * bytes), 'counts'),
            );
            const negative = [0, 4].map((four) => {
              const offset = 4 * (channel + four);
              const [plus, minus, shift] = lines.map((at) => {
                const line = f32x4.load(at, offset);
                return pool ? f32x4.variable(line, 'line') : line;
              });
              const values = sources.map(({ skip }, source) => {
                const whole = four === 0 ? counts[source].toI32x4LowS() : counts[source].toI32x4HighS();
                const { above, below } = splitAtZero(whole.toF32x4S());
                // One of the two products is 0, so this rounds once, fused or not.
                const product = above.mul(plus).addMul(below, minus);
                return product.add(skips ? shift.add(f32x4.load(skip, offset)) : shift);
              });
              const y = f32x4.variable(pool ? pools[pool](values) : values[0], 'y');
              store(target, y, offset);
              return y.lt(f32x4.const(0)).as(i32x4);
            });
            return i16x8.variable(negative[0].narrowS(negative[1]), 'negative');
          };

          forRange(0, p.repeats, 1, () => {
            forRange(0, p.skipChannels, step, () => {
              for (let channel = 0; channel < step; channel += 16) {
                const low = eight(channel);
                if (step === 8) store8(signAt, low.bitmask());
                else store16(signAt, low.narrowS(eight(channel + 8)).bitmask(), channel / 8);
              }
              signAt.set(signAt.add(step / 8));
              for (const source of sources) {
                source.count.set(source.count.add(step * bytes));
                if (skips) source.skip.set(source.skip.add(4 * step));
              }
              for (const at of [target, ...lines]) at.set(at.add(4 * step));
            });
            if (skips) for (const { skip } of sources) skip.set(skip.sub(skipBytes));
          });
        });
      },
    ),
);

const pools: Record<LinesPool, (values: readonly F32x4[]) => F32x4> = {
  average: (values) => values.reduce((sum, value) => sum.add(value)).mul(f32x4.const(0.25)),
  max: (values) => values.reduce((best, value) => best.max(value)),
  min: (values) => values.reduce((best, value) => best.min(value)),
};
