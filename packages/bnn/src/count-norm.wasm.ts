import type { AnyTensor, Tensor } from '@mobinet/tensor';
import {
  chunksOf,
  type F32x4,
  f32,
  f32x4,
  floatsAt,
  forRange,
  type I32,
  i16x8,
  i32,
  i32x4,
  Kernel,
  kernelFamily,
  select,
  store,
  withTemporary,
  wordsAt,
} from '@mobinet/tensor/kernels';
import { type CountNormAttributes, type CountNormInputs, type GradientInputs, smallestGradient } from './count-norm.js';

/** The kernels take channels eight at a time; other numbers are left to the definition. */
export function hasKernels(operands: readonly AnyTensor[]): boolean {
  return operands.every(({ shape, size }) => size > 0 && shape[shape.length - 1] % 8 === 0);
}

/** Rows (pixels) that are summed up at a time. Sums of floats are short so, and independent of how threads divide the work. */
const blockRows = 128;

export function countNormByKernels(
  [counts, scale, slope, gamma, beta, ...[skip]]: CountNormInputs,
  [output, mean, variance]: readonly [Tensor, Tensor, Tensor],
  { signs, epsilon, skipRepeats }: CountNormAttributes,
): void {
  const channels = scale.size;
  const rows = counts.size / channels;
  sumUp(counts, signs, mean, variance, scale, slope);
  withTemporary(4 * 3 * channels, (lines) => {
    // y is one line over the counts from 0 up, and another below.
    const [plus, minus, offset] = [0, 1, 2].map((part) => floatsAt(lines + 4 * part * channels, channels));
    for (let c = 0; c < channels; c++) {
      const factor = gamma.values[c] / Math.sqrt(variance.values[c] + epsilon);
      plus[c] = scale.values[c] * factor;
      minus[c] = scale.values[c] * slope.values[c] * factor;
      offset[c] = beta.values[c] - mean.values[c] * factor;
    }
    const args = { counts, lines, output, skip: skip ?? 0, channels };
    const [skipChannels, repeats] = skip ? [channels / skipRepeats, skipRepeats] : [channels, 1];
    applyKernel(skip !== undefined).run({ ...args, skipChannels, repeats }, rows, { grain: chunksOf(rows, channels / 5) });
  });
}

/**
 * Mean and variance of the activations p. Below and above 0, p is proportional to the counts, so their sums, and those of their
 * squares, on either side of 0 are enough; and these are whole numbers, exact in any order.
 */
function sumUp(
  counts: Tensor<'i16'>,
  signs: number,
  mean: Tensor,
  variance: Tensor,
  { values: scale }: Tensor,
  { values: slope }: Tensor,
): void {
  const channels = scale.length;
  const rows = counts.size / channels;
  // Sums of squares must fit into 32 bits.
  const rowsPerBlock = Math.max(2, Math.min(blockRows, Math.floor((2 ** 31 - 1) / signs ** 2) & -2));
  const blocks = Math.ceil(rows / rowsPerBlock);
  withTemporary(4 * 4 * channels * blocks, (sums) => {
    sumsKernel.run({ counts, sums, rows, channels, rowsPerBlock }, blocks, {
      grain: chunksOf(blocks, (rowsPerBlock * channels) / 6),
    });
    const total = totals(wordsAt(sums, 4 * channels * blocks), 4 * channels);
    for (let c = 0; c < channels; c++) {
      const [sum, absolute, squares, signed] = [0, 1, 2, 3].map((kind) => total[kind * channels + c]);
      const [above, below] = [scale[c], scale[c] * slope[c]];
      const first = (above * (absolute + sum) - below * (absolute - sum)) / 2;
      const second = (above ** 2 * (squares + signed) + below ** 2 * (squares - signed)) / 2;
      mean.values[c] = first / rows;
      variance.values[c] = Math.max(0, second / rows - (first / rows) ** 2);
    }
  });
}

/** The sums of blocks, added up in double precision. */
function totals(sums: Float32Array | Int32Array, length: number): Float64Array {
  const total = new Float64Array(length);
  for (let block = 0; block < sums.length; block += length) {
    for (let i = 0; i < length; i++) total[i] += sums[block + i];
  }
  return total;
}

/** For each block of rows and each channel: Σ c, Σ |c|, Σ c² and Σ c·|c|. */
const sumsKernel = new Kernel(
  'counts_sums__dot',
  { counts: i32, sums: i32, rows: i32, channels: i32, rowsPerBlock: i32 },
  ({ counts, sums, rows, channels, rowsPerBlock }, from, to) => {
    const rowBytes = i32.variable(channels.mul(2), 'rowBytes');
    const one = i16x8.const(1);
    const halves = [interleaved(0), interleaved(4)];
    forRange(from, to, 1, (block) => {
      const first = i32.variable(block.mul(rowsPerBlock), 'first');
      const end = i32.variable(first.add(rowsPerBlock).min(rows), 'end');
      forRange(0, channels, 8, (channel) => {
        const total = halves.map(() => [0, 1, 2, 3].map((kind) => i32x4.variable(0, `sum${kind}`)));
        const at = i32.variable(counts.add(first.mul(rowBytes)).add(channel.mul(2)), 'at');
        // Two rows at a time: their counts are put side by side, and a dot product adds them up.
        forRange(first, end, 2, (row) => {
          const upper = i16x8.variable(i16x8.load(at), 'upper');
          const hasLower = i32.variable(row.add(1).ltS(end), 'hasLower');
          const lowerAt = at.add(select(hasLower, rowBytes, i32.const(0)));
          const mask = i32x4.splat(i32.const(0).sub(hasLower)).as(i16x8);
          const lower = i16x8.variable(i16x8.load(lowerAt).and(mask), 'lower');
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
);

/** Bytes of four 16-bit lanes of each of two vectors, from lane `first` on, in turn. */
function interleaved(first: number): number[] {
  return [0, 1, 2, 3].flatMap((lane) => [0, 16].flatMap((side) => [0, 1].map((byte) => side + 2 * (first + lane) + byte)));
}

/** Four counts from memory as floats, split into what is above 0 and what is below. */
function splitCounts(address: I32, offset: number): { above: F32x4; below: F32x4 } {
  const count = f32x4.variable(i32x4.load16S(address, offset).toF32x4S(), 'count');
  const zero = f32x4.const(0);
  return { above: count.max(zero), below: count.min(zero) };
}

/** y = plus·max(c, 0) + minus·min(c, 0) + offset + skip; `lines` holds the three, [3, channels]. */
const applyKernel = kernelFamily(
  (skips: boolean) =>
    new Kernel(
      `counts_norm${skips ? '_skip' : ''}__madd`,
      { counts: i32, lines: i32, output: i32, skip: i32, channels: i32, skipChannels: i32, repeats: i32 },
      ({ counts, lines, output, skip, channels, skipChannels, repeats }, from, to) => {
        const count = i32.variable(counts.add(from.mul(channels).mul(2)), 'countAt');
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
                const { above, below } = splitCounts(count, v / 2);
                const base = f32x4.load(offset, v);
                const start = skips ? base.add(f32x4.load(skipped, v)) : base;
                const y = start.addMul(below, f32x4.load(minus, v)).addMul(above, f32x4.load(plus, v));
                store(target, y, v);
              }
              count.set(count.add(16));
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
  { epsilon }: CountNormAttributes,
): void {
  const channels = scale.size;
  const rows = counts.size / channels;
  const blocks = Math.ceil(rows / blockRows);
  const grain = chunksOf(blocks, (blockRows * channels) / 5);
  withTemporary(4 * channels * (5 + 2 * blocks), (memory) => {
    const lines = [0, 1, 2, 3, 4].map((part) => floatsAt(memory + 4 * part * channels, channels));
    const sums = memory + 4 * 5 * channels;
    const args = { dy, counts, lines: memory, sums, rows, channels };
    lines[0].set(scale.values);
    for (let c = 0; c < channels; c++) lines[1][c] = scale.values[c] * slope.values[c];
    lines[2].set(mean.values);
    gradientSumsKernel.run(args, blocks, { grain });

    // dp = direct·dy + through·(p − μ) + constant, as two lines over the counts.
    const total = totals(floatsAt(sums, 2 * channels * blocks), 2 * channels);
    for (let c = 0; c < channels; c++) {
      const s = 1 / Math.sqrt(variance.values[c] + epsilon);
      const [sum, centred] = [total[c], total[channels + c]];
      const direct = gamma.values[c] * s;
      const through = (-direct * s * s * centred) / rows;
      dbeta.values[c] = sum;
      dgamma.values[c] = centred * s;
      lines[0][c] = direct;
      lines[1][c] = through * scale.values[c];
      lines[2][c] = through * scale.values[c] * slope.values[c];
      lines[3][c] = (-direct * sum) / rows - through * mean.values[c];
      lines[4][c] = 1 - slope.values[c];
    }
    gradientKernel.run({ ...args, dz, smallest: smallestGradient }, blocks, { grain });
    const throughSlope = totals(floatsAt(sums, channels * blocks), channels);
    for (let c = 0; c < channels; c++) dslope.values[c] = throughSlope[c] * scale.values[c];
  });
}

const gradientParameters = { dy: i32, counts: i32, lines: i32, sums: i32, rows: i32, channels: i32 };

/** Statements for each block of rows, and eight of its channels: vector v is the four channels from `channel` + 4v on. */
function forEachColumnOfBlock(
  { rows, channels, lines }: { rows: I32; channels: I32; lines: I32 },
  from: I32,
  to: I32,
  body: (block: I32, channel: I32, firstRow: I32, endRow: I32, line: (part: number, v: number) => F32x4) => void,
): void {
  const lineBytes = i32.variable(channels.mul(4), 'lineBytes');
  forRange(from, to, 1, (block) => {
    const first = i32.variable(block.mul(blockRows), 'firstRow');
    const end = i32.variable(first.add(blockRows).min(rows), 'endRow');
    forRange(0, channels, 8, (channel) => {
      const line = (part: number, v: number): F32x4 =>
        f32x4.variable(f32x4.load(lines.add(channel.mul(4)).add(lineBytes.mul(part)), 16 * v), `line${part}`);
      body(block, channel, first, end, line);
    });
  });
}

/** For each block of rows: Σ dy and Σ dy·(p − μ), from the lines α, α·slope and μ. */
const gradientSumsKernel = new Kernel('counts_norm_gradient_sums__madd', gradientParameters, (p, from, to) => {
  forEachColumnOfBlock(p, from, to, (block, channel, first, end, line) => {
    const columns = [0, 1].map((v) => ({
      ...{ plus: line(0, v), minus: line(1, v), mean: line(2, v) },
      ...{ sum: f32x4.variable(0, 'sum'), centred: f32x4.variable(0, 'centred') },
    }));
    const at = i32.variable(first.mul(p.channels).add(channel).mul(4), 'at');
    forRange(first, end, 1, () => {
      const countAt = p.counts.add(at.shrU(1));
      columns.forEach(({ plus, minus, mean, sum, centred }, v) => {
        const dy = f32x4.variable(f32x4.load(p.dy.add(at), 16 * v), 'dy');
        const { above, below } = splitCounts(countAt, 8 * v);
        const distance = above.mul(plus).addMul(below, minus).sub(mean);
        sum.set(sum.add(dy));
        centred.set(centred.addMul(dy, distance));
      });
      at.set(at.add(p.channels.mul(4)));
    });
    const target = i32.variable(p.sums.add(block.mul(p.channels).mul(8)).add(channel.mul(4)), 'target');
    columns.forEach(({ sum }, v) => {
      store(target, sum, 16 * v);
    });
    target.set(target.add(p.channels.mul(4)));
    columns.forEach(({ centred }, v) => {
      store(target, centred, 16 * v);
    });
  });
});

/** dz, and for each block of rows Σ dp·c over the counts below 0, from the five lines. */
const gradientKernel = new Kernel(
  'counts_norm_gradient__madd',
  { ...gradientParameters, dz: i32, smallest: f32 },
  (p, from, to) => {
    const smallest = f32x4.variable(f32x4.splat(p.smallest), 'smallest');
    forEachColumnOfBlock(p, from, to, (block, channel, first, end, line) => {
      const columns = [0, 1].map((v) => ({
        ...{ direct: line(0, v), plus: line(1, v), minus: line(2, v), constant: line(3, v), bend: line(4, v) },
        throughSlope: f32x4.variable(0, 'throughSlope'),
      }));
      const at = i32.variable(first.mul(p.channels).add(channel).mul(4), 'at');
      forRange(first, end, 1, () => {
        const countAt = p.counts.add(at.shrU(1));
        columns.forEach(({ direct, plus, minus, constant, bend, throughSlope }, v) => {
          const split = splitCounts(countAt, 8 * v);
          const below = f32x4.variable(split.below, 'below');
          const dy = f32x4.load(p.dy.add(at), 16 * v);
          const dp = f32x4.variable(
            constant.addMul(below, minus).addMul(split.above, plus).addMul(dy, direct),
            'dp',
          );
          throughSlope.set(throughSlope.addMul(dp, below));
          // Below 0, all but the slope's share of dp is taken away again.
          const bent = dp.and(below.lt(f32x4.const(0))).mul(bend);
          const dz = f32x4.variable(dp.sub(bent), 'dz');
          store(p.dz.add(at), dz.and(dz.abs().ge(smallest)), 16 * v);
        });
        at.set(at.add(p.channels.mul(4)));
      });
      const target = i32.variable(p.sums.add(block.mul(p.channels).mul(4)).add(channel.mul(4)), 'target');
      columns.forEach(({ throughSlope }, v) => {
        store(target, throughSlope, 16 * v);
      });
    });
  },
);
