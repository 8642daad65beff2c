import type { Tensor } from '@mobinet/tensor/functions';
import {
  chunksOf,
  f32,
  f32x4,
  floatsAt,
  forRange,
  i16x8,
  i32,
  i32x4,
  Kernel,
  memoize,
  select,
  store,
  sumBlocks,
  withTemporary,
} from '@mobinet/tensor/kernels';
import { bytesOf, type CountDType, loadCounts, splitCounts } from './counts.wasm.js';
import type { ScalePreluBatchNormAttributes, ScalePreluBatchNormInputs } from './scale-prelu-batch-norm-attributes.js';

/**
 * Rows (pixels) of a block, whose sums are computed together. This keeps sums of floats short and makes them
 * independent of how the work is divided among threads.
 */
export const blockRows = 128;

/** Named rows of one number per channel, stored one after the other at `address`. */
export function rowsByName<Name extends string>(
  names: readonly Name[],
  address: number,
  channels: number,
): Record<Name, Float32Array> {
  const rows = names.map((name, row) => [name, floatsAt(address + 4 * row * channels, channels)]);
  return Object.fromEntries(rows) as Record<Name, Float32Array>;
}

/** The rows of coefficients that turn counts into outputs. */
const outputRows = ['positive', 'negative', 'shift'] as const;

export function scalePreluBatchNormByKernels(
  inputs: ScalePreluBatchNormInputs,
  [output, mean, variance]: readonly [Tensor, Tensor, Tensor],
  { signs, epsilon, skipRepeats }: ScalePreluBatchNormAttributes,
): void {
  const [counts, alpha, slope, gamma, beta, ...[skip]] = inputs;
  const channels = alpha.size;
  const rows = counts.size / channels;
  computeStatistics(inputs, [mean, variance], signs);
  withTemporary(4 * outputRows.length * channels, (memory) => {
    const [alphas, slopes, gammas, betas] = [alpha, slope, gamma, beta].map(({ values }) => values);
    const [means, variances] = [mean.values, variance.values];
    const { positive, negative, shift } = rowsByName(outputRows, memory, channels);
    for (let c = 0; c < channels; c++) {
      const factor = gammas[c] / Math.sqrt(variances[c] + epsilon);
      positive[c] = alphas[c] * factor;
      negative[c] = alphas[c] * slopes[c] * factor;
      shift[c] = betas[c] - means[c] * factor;
    }
    const args = { counts, signs, coefficients: memory, output, skip: skip ?? 0, channels };
    const [skipChannels, repeats] = skip ? [channels / skipRepeats, skipRepeats] : [channels, 1];
    normalizeKernel(counts.dtype, skip !== undefined).run({ ...args, skipChannels, repeats }, rows, {
      grain: chunksOf(rows, channels / 5),
    });
  });
}

/** Counts of a block, over all channels, such that they stay in the first-level cache. */
const blockCounts = 16384;

/**
 * Mean and variance of the activations p. On either side of 0, p is proportional to the count, so sums of counts and of
 * their squares on each side are enough. These are integers, exact in any order.
 */
function computeStatistics(
  [counts, alpha, slope]: ScalePreluBatchNormInputs,
  [mean, variance]: readonly [Tensor, Tensor],
  signs: number,
): void {
  const channels = alpha.size;
  const rows = counts.size / channels;
  // The sums of squares of a block must fit into 32 bits.
  const maxRows = Math.min(Math.floor((2 ** 31 - 1) / signs ** 2), Math.floor(blockCounts / channels), blockRows);
  const rowsPerBlock = Math.max(2, maxRows & -2);
  const blocks = Math.ceil(rows / rowsPerBlock);
  withTemporary(4 * 4 * channels * blocks, (sums) => {
    sumsKernel(counts.dtype).run({ counts, signs, sums, rows, channels, rowsPerBlock }, blocks, {
      grain: chunksOf(blocks, (rowsPerBlock * channels) / 6),
    });
    const total = sumBlocks('i32', sums, blocks, 4 * channels);
    const [alphas, slopes, means, variances] = [alpha, slope, mean, variance].map(({ values }) => values);
    for (let c = 0; c < channels; c++) {
      const sum = total[c];
      const absolute = total[channels + c];
      const squares = total[2 * channels + c];
      const signed = total[3 * channels + c];
      const above = alphas[c];
      const below = alphas[c] * slopes[c];
      const first = (above * (absolute + sum) - below * (absolute - sum)) / 2;
      const second = (above * above * (squares + signed) + below * below * (squares - signed)) / 2;
      means[c] = first / rows;
      variances[c] = Math.max(0, second / rows - (first / rows) ** 2);
    }
  });
}

/** For each block of rows and each channel: Σ c, Σ |c|, Σ c² and Σ c·|c|. */
const sumsKernel = memoize(
  (dtype: CountDType) =>
    new Kernel(
      `scale_prelu_batch_norm_sums_${dtype}__dot`,
      { counts: i32, signs: i32, sums: i32, rows: i32, channels: i32, rowsPerBlock: i32 },
      ({ counts, signs, sums, rows, channels, rowsPerBlock }, from, to) => {
        const bytes = bytesOf[dtype];
        const rowBytes = i32.variable(channels.mul(bytes), 'rowBytes');
        const signLanes = i16x8.variable(i16x8.splat(signs), 'signs');
        const one = i16x8.const(1);
        const halves = [interleaved(0), interleaved(4)];
        forRange(from, to, 1, (block) => {
          const first = i32.variable(block.mul(rowsPerBlock), 'first');
          const end = i32.variable(first.add(rowsPerBlock).minU(rows), 'end');
          forRange(0, channels, 8, (channel) => {
            const total = halves.map(() => [0, 1, 2, 3].map((kind) => i32x4.variable(0, `sum${kind}`)));
            const at = i32.variable(counts.add(first.mul(rowBytes)).add(channel.mul(bytes)), 'at');
            // Two rows at a time: their counts are interleaved, so that `dotS` sums them in pairs.
            forRange(first, end, 2, (row) => {
              const upper = i16x8.variable(loadCounts(dtype, signLanes, at), 'upper');
              const hasLower = i32.variable(row.add(1).ltS(end), 'hasLower');
              const lowerAt = at.add(select(hasLower, rowBytes, i32.const(0)));
              const mask = i32x4.splat(i32.const(0).sub(hasLower)).as(i16x8);
              const lower = i16x8.variable(loadCounts(dtype, signLanes, lowerAt).and(mask), 'lower');
              halves.forEach((bytes, half) => {
                const pair = i16x8.variable(upper.shuffleBytes(lower, bytes), 'pair');
                const size = i16x8.variable(pair.abs(), 'size');
                const products = [pair.dotS(one), size.dotS(one), pair.dotS(pair), pair.dotS(size)];
                products.forEach((product, kind) => {
                  total[half][kind].set(total[half][kind].add(product));
                });
              });
              at.set(at.add(rowBytes).add(rowBytes));
            });
            const target = i32.variable(sums.add(block.mul(channels).mul(16)).add(channel.mul(4)), 'target');
            for (let kind = 0; kind < 4; kind++) {
              total.forEach((sums, half) => {
                store(target, sums[kind], 16 * half);
              });
              target.set(target.add(channels.mul(4)));
            }
          });
        });
      },
    ),
);

/** The bytes of four 16-bit lanes of each of two vectors, starting at lane `first`, alternating between the two. */
function interleaved(first: number): number[] {
  return [0, 1, 2, 3].flatMap((lane) =>
    [0, 16].flatMap((side) => [0, 1].map((byte) => side + 2 * (first + lane) + byte)),
  );
}

/** y = positive·max(c, 0) + negative·min(c, 0) + shift + skip, with the coefficients of `outputRows`. */
const normalizeKernel = memoize(
  (dtype: CountDType, hasSkip: boolean) =>
    new Kernel(
      `scale_prelu_batch_norm_${dtype}${hasSkip ? '_skip' : ''}__madd`,
      {
        counts: i32,
        signs: f32,
        coefficients: i32,
        output: i32,
        skip: i32,
        channels: i32,
        skipChannels: i32,
        repeats: i32,
      },
      (p, from, to) => {
        const bytes = bytesOf[dtype];
        const signs = f32x4.variable(f32x4.splat(p.signs), 'signs');
        const count = i32.variable(p.counts.add(from.mul(p.channels).mul(bytes)), 'countAt');
        const target = i32.variable(p.output.add(from.mul(p.channels).mul(4)), 'target');
        const rowBytes = i32.variable(p.channels.mul(4), 'rowBytes');
        forRange(from, to, 1, (row) => {
          const positive = i32.variable(p.coefficients, 'positive');
          const negative = i32.variable(p.coefficients.add(rowBytes), 'negative');
          const shift = i32.variable(negative.add(rowBytes), 'shift');
          forRange(0, p.repeats, 1, () => {
            const skip = i32.variable(p.skip.add(row.mul(p.skipChannels).mul(4)), 'skip');
            forRange(0, p.skipChannels, 8, () => {
              for (const v of [0, 16]) {
                const { above, below } = splitCounts(dtype, signs, count, (v / 4) * bytes);
                const base = f32x4.load(shift, v);
                const start = hasSkip ? base.add(f32x4.load(skip, v)) : base;
                const y = start.addMul(below, f32x4.load(negative, v)).addMul(above, f32x4.load(positive, v));
                store(target, y, v);
              }
              count.set(count.add(8 * bytes));
              for (const at of [target, positive, negative, shift, ...(hasSkip ? [skip] : [])]) at.set(at.add(32));
            });
          });
        });
      },
    ),
);
