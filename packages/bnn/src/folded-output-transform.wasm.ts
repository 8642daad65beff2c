import type { BitTensor, Tensor } from '@mobinet/tensor/functions';
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
  memoize,
  store,
  store8,
  store16,
} from '@mobinet/tensor/kernels';
import { bytesOf, type CountDType, numbersOfCounts } from './counts.wasm.js';
import type {
  FoldedOutputTransformAttributes,
  FoldedOutputTransformInputs,
  OutputPool,
} from './folded-output-transform-attributes.js';

export function foldedOutputTransformByKernel(
  [counts, folded, ...[skip]]: FoldedOutputTransformInputs,
  [output, outputSigns]: readonly [Tensor, BitTensor],
  { signs, skipRepeats, pool }: FoldedOutputTransformAttributes,
): void {
  const [, height, width, channels] = counts.shape;
  const [, outHeight, outWidth] = output.shape;
  const [skipChannels, repeats] = skip ? [channels / skipRepeats, skipRepeats] : [channels, 1];
  const pixels = output.size / channels;
  if (channels % 32 !== 0) outputSigns.words.fill(0);
  const step = skipChannels % unrolledChannels === 0 ? unrolledChannels : 8;
  transformKernel(counts.dtype, skip !== undefined, pool ?? '', step).run(
    {
      counts,
      signs,
      folded,
      skip: skip ?? 0,
      output,
      outputSigns,
      signBytes: 4 * Math.ceil(channels / 32),
      channels,
      skipChannels,
      repeats,
      height,
      width,
      outHeight,
      outWidth,
    },
    pixels,
    { grain: chunksOf(pixels, 2 + channels * (pool ? 0.8 : 0.35)) },
  );
}

/** Channels in one iteration of the unrolled inner loop, which is used where they divide the channels of the skip. */
const unrolledChannels = 32;

/** For each output pixel, eight channels at a time: the transform, then the signs of the result as a byte. */
const transformKernel = memoize(
  (dtype: CountDType, hasSkip: boolean, pool: OutputPool | '', step: number) =>
    new Kernel(
      `folded_output_transform_${[dtype, ...(hasSkip ? ['skip'] : []), ...(pool ? [pool] : [])].join('_')}_x${step}`,
      {
        counts: i32,
        signs: i32,
        folded: i32,
        skip: i32,
        output: i32,
        outputSigns: i32,
        signBytes: i32,
        channels: i32,
        skipChannels: i32,
        repeats: i32,
        height: i32,
        width: i32,
        outHeight: i32,
        outWidth: i32,
      },
      (p, from, to) => {
        const bytes = bytesOf[dtype];
        const signs = f32x4.variable(f32x4.splat(p.signs.toF32S()), 'signs');
        const rowBytes = i32.variable(p.channels.mul(4), 'rowBytes');
        const skipBytes = i32.variable(p.skipChannels.mul(4), 'skipBytes');
        const countBytes = i32.variable(p.channels.mul(bytes), 'countBytes');
        const target = i32.variable(p.output.add(from.mul(rowBytes)), 'target');

        forEachPixel(p.outHeight, p.outWidth, from, to, (n, row, column, pixel) => {
          const first = pool
            ? i32.variable(n.mul(p.height).add(row.shl(1)).mul(p.width).add(column.shl(1)), 'first')
            : pixel;
          // The pixels of the 2×2 window in row-major order.
          const window = pool ? [first, first.add(1), first.add(p.width), first.add(p.width).add(1)] : [first];
          const sources = window.map((source) => ({
            count: i32.variable(p.counts.add(source.mul(countBytes)), 'count'),
            skip: i32.variable(p.skip.add(source.mul(skipBytes)), 'skip'),
          }));
          const signAt = i32.variable(p.outputSigns.add(pixel.mul(p.signBytes)), 'signAt');
          const foldedRows = [0, 1, 2].map((k) => i32.variable(p.folded.add(rowBytes.mul(k)), 'foldedRow'));

          /** Writes eight channels, starting at `channel`, and returns the mask of those below 0. */
          const eight = (channel: number): I16x8 => {
            const counts = sources.map(({ count }) => numbersOfCounts(dtype, signs, count, channel * bytes));
            const isNegative = [0, 1].map((half) => {
              const offset = 4 * (channel + 4 * half);
              const [positive, negative, shift] = foldedRows.map((at) => {
                const lanes = f32x4.load(at, offset);
                return pool ? f32x4.variable(lanes, 'folded') : lanes;
              });
              const values = sources.map(({ skip }, source) => {
                const count = f32x4.variable(counts[source][half], 'count');
                const factor = negative.whereTrue(count.lt(f32x4.const(0)), positive);
                return factor.mul(count).add(hasSkip ? shift.add(f32x4.load(skip, offset)) : shift);
              });
              const y = f32x4.variable(pool ? pools[pool](values) : values[0], 'y');
              store(target, y, offset);
              return y.lt(f32x4.const(0)).as(i32x4);
            });
            return i16x8.variable(isNegative[0].narrowS(isNegative[1]), 'isNegative');
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
                if (hasSkip) source.skip.set(source.skip.add(4 * step));
              }
              for (const at of [target, ...foldedRows]) at.set(at.add(4 * step));
            });
            if (hasSkip) for (const { skip } of sources) skip.set(skip.sub(skipBytes));
          });
        });
      },
    ),
);

const pools: Record<OutputPool, (values: readonly F32x4[]) => F32x4> = {
  average: (values) => values.reduce((sum, value) => sum.add(value)).mul(f32x4.const(0.25)),
  max: (values) => values.reduce((largest, value) => largest.max(value)),
  min: (values) => values.reduce((smallest, value) => smallest.min(value)),
};
