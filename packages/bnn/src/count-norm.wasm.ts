import type { Tensor } from '@mobinet/tensor';
import {
  chunksOf,
  type F32x4,
  f32,
  f32x4,
  floatsAt,
  flushedLanes,
  forRange,
  type I32,
  i16x8,
  i32,
  i32x4,
  Kernel,
  type KernelParameters,
  kernelFamily,
  select,
  store,
  sumBlocks,
  type Variable,
  withTemporary,
} from '@mobinet/tensor/kernels';
import type { CountNormAttributes, CountNormInputs, GradientInputs } from './count-norm-attributes.js';
import type { Counts } from './counts.js';
import { bytesOf, type CountDType, loadCounts, splitCounts } from './counts.wasm.js';

/** Rows (pixels) that are summed up at a time. Sums of floats are short so, and independent of how threads divide the work. */
const blockRows = 128;

export function countNormByKernels(
  [counts, scale, slope, gamma, beta, ...[skip]]: CountNormInputs,
  [output, mean, variance]: readonly [Tensor, Tensor, Tensor],
  { signs, epsilon, skipRepeats }: CountNormAttributes,
): void {
  const channels = scale.size;
  const rows = counts.size / channels;
  const [alpha, bend, g, b, mu, sigma2] = [scale, slope, gamma, beta, mean, variance].map(({ values }) => values);
  sumUp(counts, signs, mu, sigma2, alpha, bend);
  withTemporary(4 * 3 * channels, (lines) => {
    // y is one line over the counts from 0 up, and another below.
    const [plus, minus, offset] = [0, 1, 2].map((part) => floatsAt(lines + 4 * part * channels, channels));
    for (let c = 0; c < channels; c++) {
      const factor = g[c] / Math.sqrt(sigma2[c] + epsilon);
      plus[c] = alpha[c] * factor;
      minus[c] = alpha[c] * bend[c] * factor;
      offset[c] = b[c] - mu[c] * factor;
    }
    const args = { counts, signs, lines, output, skip: skip ?? 0, channels };
    const [skipChannels, repeats] = skip ? [channels / skipRepeats, skipRepeats] : [channels, 1];
    applyKernel(counts.dtype, skip !== undefined).run({ ...args, skipChannels, repeats }, rows, {
      grain: chunksOf(rows, channels / 5),
    });
  });
}

/** Counts that are summed at a time, of all channels: they stay in the first-level cache. */
const countsAtOnce = 16384;

/**
 * Mean and variance of the activations p. Below and above 0, p is proportional to the counts, so their sums, and those of their
 * squares, on either side of 0 are enough; and these are whole numbers, exact in any order.
 */
function sumUp(
  counts: Counts,
  signs: number,
  mean: Float32Array,
  variance: Float32Array,
  scale: Float32Array,
  slope: Float32Array,
): void {
  const channels = scale.length;
  const rows = counts.size / channels;
  // Sums of squares must fit into 32 bits.
  const most = Math.min(Math.floor((2 ** 31 - 1) / signs ** 2), Math.floor(countsAtOnce / channels), blockRows);
  const rowsPerBlock = Math.max(2, most & -2);
  const blocks = Math.ceil(rows / rowsPerBlock);
  withTemporary(4 * 4 * channels * blocks, (sums) => {
    sumsKernel(counts.dtype).run({ counts, signs, sums, rows, channels, rowsPerBlock }, blocks, {
      grain: chunksOf(blocks, (rowsPerBlock * channels) / 6),
    });
    const total = sumBlocks('i32', sums, blocks, 4 * channels);
    for (let c = 0; c < channels; c++) {
      const sum = total[c];
      const absolute = total[channels + c];
      const squares = total[2 * channels + c];
      const signed = total[3 * channels + c];
      const above = scale[c];
      const below = scale[c] * slope[c];
      const first = (above * (absolute + sum) - below * (absolute - sum)) / 2;
      const second = (above * above * (squares + signed) + below * below * (squares - signed)) / 2;
      mean[c] = first / rows;
      variance[c] = Math.max(0, second / rows - (first / rows) ** 2);
    }
  });
}

/** For each block of rows and each channel: Σ c, Σ |c|, Σ c² and Σ c·|c|. */
const sumsKernel = kernelFamily(
  (dtype: CountDType) =>
    new Kernel(
      `counts_sums_${dtype}__dot`,
      { counts: i32, signs: i32, sums: i32, rows: i32, channels: i32, rowsPerBlock: i32 },
      ({ counts, signs, sums, rows, channels, rowsPerBlock }, from, to) => {
        const bytes = bytesOf[dtype];
        const rowBytes = i32.variable(channels.mul(bytes), 'rowBytes');
        const all = i16x8.variable(i16x8.splat(signs), 'all');
        const one = i16x8.const(1);
        const halves = [interleaved(0), interleaved(4)];
        forRange(from, to, 1, (block) => {
          const first = i32.variable(block.mul(rowsPerBlock), 'first');
          const end = i32.variable(first.add(rowsPerBlock).minU(rows), 'end');
          forRange(0, channels, 8, (channel) => {
            const total = halves.map(() => [0, 1, 2, 3].map((kind) => i32x4.variable(0, `sum${kind}`)));
            const at = i32.variable(counts.add(first.mul(rowBytes)).add(channel.mul(bytes)), 'at');
            // Two rows at a time: their counts are put side by side, and a dot product adds them up.
            forRange(first, end, 2, (row) => {
              const upper = i16x8.variable(loadCounts(dtype, all, at), 'upper');
              const hasLower = i32.variable(row.add(1).ltS(end), 'hasLower');
              const lowerAt = at.add(select(hasLower, rowBytes, i32.const(0)));
              const mask = i32x4.splat(i32.const(0).sub(hasLower)).as(i16x8);
              const lower = i16x8.variable(loadCounts(dtype, all, lowerAt).and(mask), 'lower');
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

/** Bytes of four 16-bit lanes of each of two vectors, from lane `first` on, in turn. */
function interleaved(first: number): number[] {
  return [0, 1, 2, 3].flatMap((lane) =>
    [0, 16].flatMap((side) => [0, 1].map((byte) => side + 2 * (first + lane) + byte)),
  );
}

/** y = plus·max(c, 0) + minus·min(c, 0) + offset + skip; `lines` holds the three, [3, channels]. */
const applyKernel = kernelFamily(
  (dtype: CountDType, skips: boolean) =>
    new Kernel(
      `counts_norm_${dtype}${skips ? '_skip' : ''}__madd`,
      { counts: i32, signs: f32, lines: i32, output: i32, skip: i32, channels: i32, skipChannels: i32, repeats: i32 },
      ({ counts, signs, lines, output, skip, channels, skipChannels, repeats }, from, to) => {
        const bytes = bytesOf[dtype];
        const all = f32x4.variable(f32x4.splat(signs), 'all');
        const count = i32.variable(counts.add(from.mul(channels).mul(bytes)), 'countAt');
        const target = i32.variable(output.add(from.mul(channels).mul(4)), 'target');
        const lineBytes = i32.variable(channels.mul(4), 'lineBytes');
        forRange(from, to, 1, (row) => {
          const plus = i32.variable(lines, 'plus');
          const minus = i32.variable(lines.add(lineBytes), 'minus');
          const offset = i32.variable(minus.add(lineBytes), 'offset');
          forRange(0, repeats, 1, () => {
            const skipped = i32.variable(skip.add(row.mul(skipChannels).mul(4)), 'skipped');
            forRange(0, skipChannels, 8, () => {
              for (const v of [0, 16]) {
                const { above, below } = splitCounts(dtype, all, count, (v / 4) * bytes);
                const base = f32x4.load(offset, v);
                const start = skips ? base.add(f32x4.load(skipped, v)) : base;
                const y = start.addMul(below, f32x4.load(minus, v)).addMul(above, f32x4.load(plus, v));
                store(target, y, v);
              }
              count.set(count.add(8 * bytes));
              for (const at of [target, plus, minus, offset, ...(skips ? [skipped] : [])]) at.set(at.add(32));
            });
          });
        });
      },
    ),
);

export function countNormGradientByKernels(
  [dy, counts, scale, slope, gamma, mean, variance]: GradientInputs,
  [dz, dslope, dgamma, dbeta]: readonly [Tensor, Tensor, Tensor, Tensor],
  { signs, epsilon }: CountNormAttributes,
): void {
  const channels = scale.size;
  const rows = counts.size / channels;
  const blocks = Math.ceil(rows / blockRows);
  const grain = chunksOf(blocks, (blockRows * channels) / 5);
  withTemporary(4 * channels * (5 + 2 * blocks), (memory) => {
    const lines = [0, 1, 2, 3, 4].map((part) => floatsAt(memory + 4 * part * channels, channels));
    const sums = memory + 4 * 5 * channels;
    const args = { dy, counts, signs, lines: memory, sums, rows, channels };
    const [alpha, bend, g, mu, sigma2] = [scale, slope, gamma, mean, variance].map(({ values }) => values);
    const [ofBeta, ofGamma, ofSlope] = [dbeta.values, dgamma.values, dslope.values];
    const [direct, plus, minus, constant, taken] = lines;
    direct.set(alpha);
    for (let c = 0; c < channels; c++) plus[c] = alpha[c] * bend[c];
    for (let c = 0; c < channels; c++) minus[c] = -mu[c];
    gradientSumsKernel(counts.dtype).run(args, blocks, { grain });
    let isTiny = false;

    // dp = direct·dy + through·(p − μ) + constant, as two lines over the counts.
    const total = sumBlocks('f32', sums, blocks, 2 * channels);
    for (let c = 0; c < channels; c++) {
      const s = 1 / Math.sqrt(sigma2[c] + epsilon);
      const sum = total[c];
      const centred = total[channels + c];
      const through = (-g[c] * s * s * s * centred) / rows;
      ofBeta[c] = sum;
      ofGamma[c] = centred * s;
      direct[c] = g[c] * s;
      const size = Math.abs(sum) + Math.abs(centred);
      if (size > 0 && size * Math.min(1, Math.abs(direct[c])) < tinySum) isTiny = true;
      plus[c] = through * alpha[c];
      minus[c] = through * alpha[c] * bend[c];
      constant[c] = (-g[c] * s * sum) / rows - through * mu[c];
      taken[c] = 1 - bend[c];
    }
    gradientKernel(counts.dtype, isTiny).run({ ...args, dz }, blocks, { grain });
    const throughSlope = sumBlocks('f32', sums, blocks, channels);
    for (let c = 0; c < channels; c++) ofSlope[c] = throughSlope[c] * alpha[c];
  });
}

/**
 * A channel whose sums are below this, or become so by γ, may have gradients that want to be flushed to 0. In all others none is
 * so small, but for a rare one that cancels out, and one denormal number does no harm: so they are spared the comparison.
 */
const tinySum = 1e-20;

const gradientParameters = { dy: i32, counts: i32, signs: f32, lines: i32, sums: i32, rows: i32, channels: i32 };

/** Four channels of a row, as the kernels of the gradient see them. */
interface Cell {
  readonly above: F32x4;
  readonly below: F32x4;
  readonly dy: F32x4;
  /** Where its elements are, from the start of dy. */
  readonly at: I32;
}

/** Rows that pass through a vector of channels together: what belongs to the channels is read once for all of them. */
const rowsAtOnce = 4;

/**
 * Statements for each block of rows, along the rows, as memory likes it. `visit` is called for each four channels of a row, with their
 * lines, and `kinds` sums to add to, which are written to [block][kind][channel].
 */
function forEachCell(
  dtype: CountDType,
  p: KernelParameters<typeof gradientParameters>,
  from: I32,
  to: I32,
  lineCount: number,
  kinds: number,
  visit: (cell: Cell, lines: readonly F32x4[], sums: readonly Variable<F32x4>[]) => void,
): void {
  const lineBytes = i32.variable(p.channels.mul(4), 'lineBytes');
  const all = f32x4.variable(f32x4.splat(p.signs), 'all');
  const rows = (at: Variable<I32>, sumsAt: I32, count: number): void => {
    const lineAt = i32.variable(p.lines, 'lineAt');
    const sumAt = i32.variable(sumsAt, 'sumAt');
    forRange(0, lineBytes, 16, () => {
      const lines: F32x4[] = [];
      const next = i32.variable(lineAt, 'next');
      for (let part = 0; part < lineCount; part++) {
        lines.push(f32x4.variable(f32x4.load(next), `line${part}`));
        if (part + 1 < lineCount) next.set(next.add(lineBytes));
      }
      const kindAt = Array.from({ length: kinds }, (_, kind) => i32.variable(sumAt.add(lineBytes.mul(kind)), 'kindAt'));
      const sums = kindAt.map((address) => f32x4.variable(f32x4.load(address), 'sum'));
      const rowAt = i32.variable(at, 'rowAt');
      for (let row = 0; row < count; row++) {
        const { above, below } = splitCounts(dtype, all, p.counts.add(rowAt.shrU(dtype === 'i16' ? 1 : 2)));
        const dy = f32x4.variable(f32x4.load(p.dy.add(rowAt)), 'dy');
        visit({ above, below, dy, at: rowAt }, lines, sums);
        if (row + 1 < count) rowAt.set(rowAt.add(lineBytes));
      }
      sums.forEach((sum, kind) => {
        store(kindAt[kind], sum);
      });
      for (const address of [at, lineAt, sumAt]) address.set(address.add(16));
    });
    at.set(at.add(lineBytes.mul(count - 1)));
  };
  forRange(from, to, 1, (block) => {
    const first = i32.variable(block.mul(blockRows), 'firstRow');
    const count = i32.variable(p.rows.sub(first).minU(i32.const(blockRows)), 'count');
    const sumBytes = i32.variable(lineBytes.mul(kinds), 'sumBytes');
    const sums = i32.variable(p.sums.add(block.mul(sumBytes)), 'sums');
    forRange(0, sumBytes, 16, (offset) => store(sums.add(offset), f32x4.const(0)));
    const at = i32.variable(first.mul(lineBytes), 'at');
    forRange(0, count.sub(rowsAtOnce - 1), rowsAtOnce, () => rows(at, sums, rowsAtOnce));
    forRange(0, count.and(rowsAtOnce - 1), 1, () => rows(at, sums, 1));
  });
}

/** For each block of rows: Σ dy and Σ dy·(p − μ), from the lines α, α·slope and −μ. */
const gradientSumsKernel = kernelFamily(
  (dtype: CountDType) =>
    new Kernel(`counts_norm_gradient_sums_${dtype}__madd`, gradientParameters, (p, from, to) => {
      forEachCell(dtype, p, from, to, 3, 2, ({ above, below, dy }, [plus, minus, negativeMean], [sum, centred]) => {
        const distance = negativeMean.addMul(above, plus).addMul(below, minus);
        sum.set(sum.add(dy));
        centred.set(centred.addMul(dy, distance));
      });
    }),
);

/** dz, and for each block of rows Σ dp·c over the counts below 0, from the five lines. */
const gradientKernel = kernelFamily(
  (dtype: CountDType, flushes: boolean) =>
    new Kernel(
      `counts_norm_gradient_${dtype}${flushes ? '_flush' : ''}__madd`,
      { ...gradientParameters, dz: i32 },
      (p, from, to) => {
        forEachCell(dtype, p, from, to, 5, 1, (cell, [direct, plus, minus, constant, bend], [throughSlope]) => {
          const [above, below] = [f32x4.variable(cell.above, 'above'), f32x4.variable(cell.below, 'below')];
          const dp = f32x4.variable(constant.addMul(below, minus).addMul(above, plus).addMul(cell.dy, direct), 'dp');
          throughSlope.set(throughSlope.addMul(dp, below));
          // Up to 0, all but the slope's share of dp is taken away again.
          const taken = bend.and(above.eq(f32x4.const(0)));
          const dz = f32x4.variable(dp.subMul(dp, taken), 'dz');
          store(p.dz.add(cell.at), flushes ? flushedLanes(dz) : dz);
        });
      },
    ),
);
