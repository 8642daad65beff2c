import { apply, type BitTensor, defineOp, ShapeError, type Tensor } from '@mobinet/tensor';
import { setBits } from '@mobinet/tensor/kernels';
import { countLinesByKernel } from './count-lines.wasm.js';
import type { CountLinesAttributes, CountLinesInputs, FoldLinesInputs, LinesPool } from './count-lines-attributes.js';
import { type Counts, countOf } from './counts.js';
import { hasKernels } from './counts.wasm.js';
import { gpuKernels } from './gpu-kernels.js';

/** What a trained segment does to the counts of its convolution, channel by channel. All are [channels]. */
export interface FoldableSegment {
  /** α, the scaling factors of the filters, above 0. */
  readonly alpha: Tensor;
  /** The slopes of a PReLU; null for a ReLU. */
  readonly slope: Tensor | null;
  /** Batch normalisation as x·scale + shift (`foldBatchNorm`). */
  readonly scale: Tensor;
  readonly shift: Tensor;
}

/**
 * Scaling factors, PReLU and batch normalisation folded into one line over the counts from 0 up, and another below:
 *
 *     scale·PReLU(α·c) + shift = plus·c + shift   where c ≥ 0,  plus  = α·scale
 *                              = minus·c + shift  where c < 0,  minus = α·slope·scale
 *
 * @returns [3, channels]: plus, minus and shift.
 */
export function foldLines({ alpha, slope, scale, shift }: FoldableSegment): Tensor {
  return apply(foldLinesOp, slope ? [alpha, scale, shift, slope] : [alpha, scale, shift], undefined)[0];
}

/** So little work that its definition is its kernel. */
const foldLinesOp = defineOp<FoldLinesInputs, [Tensor]>({
  name: 'foldLines',
  outputs: ([alpha]) => [{ dtype: 'f32', shape: [3, alpha.size] }],
  reference([alpha, scale, shift, ...[slope]], [{ values: lines }]) {
    const channels = alpha.size;
    for (let c = 0; c < channels; c++) {
      const plus = alpha.values[c] * scale.values[c];
      lines[c] = plus;
      lines[channels + c] = plus * (slope ? slope.values[c] : 0);
      lines[2 * channels + c] = shift.values[c];
    }
  },
  webgpu: (inputs, [lines]) => gpuKernels().foldLinesOnGpu(inputs, lines),
});

/**
 * What the lines of channel c make of a count, and of what is skipped. Each product and sum is f32, rounded, so that kernels of every
 * kind come to the same bits: a sign near 0 must not depend on who computes it. GPUs may round once for both; there, signs are at
 * least those of the floats beside them.
 */
function countLine({ values, shape: [, channels] }: Tensor, c: number, count: number, skipped: number): number {
  const [plus, minus, shift] = [values[c], values[channels + c], values[2 * channels + c]];
  return Math.fround(Math.fround((count >= 0 ? plus : minus) * count) + Math.fround(shift + skipped));
}

export interface CountLinesResult {
  readonly output: Tensor;
  /** What the next segment computes on. */
  readonly outputSigns: BitTensor;
}

/**
 * All that follows the convolution in a trained segment, and the signs of it, in one pass over the counts:
 *
 *     y = pool((c ≥ 0 ? plus·c : minus·c) + (shift + skip))
 *
 * @param counts [batch, height, width, channels]
 * @param lines [3, channels], from `foldLines`; finite.
 * @param skip [batch, height, width, channels / skipRepeats], or null.
 * @returns [batch, height, width, channels], height and width halved (⌊size / 2⌋) by a pool.
 * @throws ShapeError if they do not fit.
 */
export function countLines(
  counts: Counts,
  lines: Tensor,
  skip: Tensor | null,
  attributes: CountLinesAttributes,
): CountLinesResult {
  const [output, outputSigns] = apply(countLinesOp, skip ? [counts, lines, skip] : [counts, lines], attributes);
  return { output, outputSigns };
}

export const countLinesOp = defineOp<CountLinesInputs, [Tensor, BitTensor], CountLinesAttributes>({
  name: 'countLines',
  outputs([counts, lines, ...[skip]], { skipRepeats, pool }) {
    const [batch, height, width, channels] = counts.shape;
    const skipFits = skip ? skip.size * skipRepeats === counts.size : skipRepeats === 0;
    if (counts.rank !== 4 || lines.shape.join() !== `3,${channels}` || !skipFits) {
      const operands = [counts, lines, ...(skip ? [skip] : [])].map(({ shape, label }, at) => ({
        ...{ name: ['counts', 'lines', 'skip'][at], shape, note: label },
      }));
      throw new ShapeError('countLines', 'the operands do not fit', operands, 'lines must be [3, channels].');
    }
    const shape = pool ? [batch, height >> 1, width >> 1, channels] : counts.shape;
    return [
      { dtype: 'f32', shape },
      { dtype: 'bits', shape },
    ];
  },
  reference([counts, lines, ...[skip]], [{ values: y, shape }, outputSigns], { signs, skipRepeats, pool }) {
    const [batch, outHeight, outWidth, channels] = shape;
    const [, height, width] = counts.shape;
    const skipChannels = channels / skipRepeats;

    const element = (n: number, i: number, j: number, c: number): number => {
      const pixel = (n * height + i) * width + j;
      const count = countOf(counts.dtype, signs, counts.values[pixel * channels + c]);
      return countLine(lines, c, count, skip ? skip.values[pixel * skipChannels + (c % skipChannels)] : 0);
    };
    /** The elements of 2×2 pixels, by rows. */
    const square = (n: number, i: number, j: number, c: number) =>
      [element(n, i, j, c), element(n, i, j + 1, c), element(n, i + 1, j, c), element(n, i + 1, j + 1, c)] as const;
    let at = 0;
    for (let n = 0; n < batch; n++) {
      for (let i = 0; i < outHeight; i++) {
        for (let j = 0; j < outWidth; j++) {
          for (let c = 0; c < channels; c++) {
            y[at++] = pool ? pools[pool](...square(n, 2 * i, 2 * j, c)) : element(n, i, j, c);
          }
        }
      }
    }
    setBits(outputSigns, (at) => y[at] < 0);
  },
  fast(inputs, outputs, attributes) {
    const [counts, , ...skip] = inputs;
    if (hasKernels([counts, ...skip])) countLinesByKernel(inputs, outputs, attributes);
    else countLinesOp.reference(inputs, outputs, attributes);
  },
  webgpu: (inputs, outputs, attributes) => gpuKernels().countLinesOnGpu(inputs, outputs, attributes),
});

/** As `avgPool2d`, `maxPool2d` and `minPool2d` do it: the sum first, in this order, then its quarter. */
const pools: Record<LinesPool, (a: number, b: number, c: number, d: number) => number> = {
  average: (a, b, c, d) => Math.fround(Math.fround(Math.fround(a + b) + c) + d) / 4,
  max: Math.max,
  min: Math.min,
};
