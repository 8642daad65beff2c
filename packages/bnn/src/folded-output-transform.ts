import { apply, type BitTensor, checkChoice, defineOp, ShapeError, type Tensor } from '@mobinet/tensor/functions';
import { setBits } from '@mobinet/tensor/kernels';
import { type Counts, checkCounts, countOf } from './counts.js';
import { hasKernels } from './counts.wasm.js';
import { foldedOutputTransformByKernel } from './folded-output-transform.wasm.js';
import type {
  FoldedOutputTransformAttributes,
  FoldedOutputTransformInputs,
  FoldInputs,
  OutputPool,
} from './folded-output-transform-attributes.js';
import { gpuKernels } from './gpu-kernels.js';

/** The parameters by which a trained segment transforms the counts of its convolution. All tensors are [channels]. */
export interface FoldableSegment {
  /** α, the scaling factors of the filters, above 0. */
  readonly alpha: Tensor;
  /** The slopes of a PReLU; null for a ReLU. */
  readonly slope: Tensor | null;
  /** The factor of the batch normalization, which is x·scale + shift (`foldBatchNorm`). */
  readonly scale: Tensor;
  /** What the batch normalization adds. */
  readonly shift: Tensor;
}

/**
 * Folds scaling factors, PReLU and batch normalization into two factors and a shift for each channel:
 *
 *     scale·PReLU(α·c) + shift = positive·c + shift  where c ≥ 0,  positive = α·scale
 *                              = negative·c + shift  where c < 0,  negative = α·slope·scale
 *
 * @param segment The parameters, each [channels].
 * @returns The rows positive, negative and shift, [3, channels].
 * @throws ShapeError unless all parameters are [channels].
 * @example
 * ```ts
 * import { foldOutputTransform } from '@mobinet/bnn/kernels';
 * import { tensor } from '@mobinet/tensor';
 *
 * const [alpha, slope, scale, shift] = [2, 0.25, 3, 1].map((value) => tensor([value]));
 * console.log(`${foldOutputTransform({ alpha, slope, scale, shift }).values}`);
 * // → 6,1.5,1
 * ```
 */
export function foldOutputTransform({ alpha, slope, scale, shift }: FoldableSegment): Tensor {
  return apply(foldOp, slope ? [alpha, scale, shift, slope] : [alpha, scale, shift], undefined)[0];
}

/** There is so little to compute that this op needs no fast kernel. */
const foldOp = defineOp<FoldInputs, [Tensor]>({
  name: 'foldOutputTransform',
  outputs(vectors) {
    const [{ rank, size }] = vectors;
    if (rank !== 1 || vectors.some((vector) => vector.rank !== 1 || vector.size !== size)) {
      const names = ['alpha', 'scale', 'shift', 'slope'];
      const operands = vectors.map(({ shape, label }, index) => ({ name: names[index], shape, note: label }));
      throw new ShapeError('foldOutputTransform', 'all parameters must be [channels]', operands);
    }
    return [{ dtype: 'f32', shape: [3, size] }];
  },
  reference([alpha, scale, shift, ...[slope]], [{ values: folded }]) {
    const channels = alpha.size;
    for (let c = 0; c < channels; c++) {
      const positive = alpha.values[c] * scale.values[c];
      folded[c] = positive;
      folded[channels + c] = positive * (slope ? slope.values[c] : 0);
      folded[2 * channels + c] = shift.values[c];
    }
  },
  webgpu: (inputs, [folded]) => gpuKernels().foldOutputTransformOnGpu(inputs, folded),
});

/**
 * The output of channel c for a count and a skipped element. Every product and sum is rounded to f32, so that all
 * kernels compute the same bits: a sign near 0 must not depend on which one ran. A GPU may fuse a product and its sum
 * and round once; there, signs at least match the floats in the other output.
 */
function outputOf({ values, shape: [, channels] }: Tensor, c: number, count: number, skipped: number): number {
  const [positive, negative, shift] = [values[c], values[channels + c], values[2 * channels + c]];
  return Math.fround(Math.fround((count >= 0 ? positive : negative) * count) + Math.fround(shift + skipped));
}

/** The results of `foldedOutputTransform`. */
export interface FoldedOutputTransformResult {
  /** f32 [batch, height, width, channels], of the size after the pool. */
  readonly output: Tensor;
  /** The signs of the output, of the same shape, which are the input of the next segment. */
  readonly outputSigns: BitTensor;
}

/**
 * Everything that follows the convolution of a trained segment, and the signs of the result, in one pass over the
 * counts:
 *
 *     y = pool((c ≥ 0 ? positive·c : negative·c) + (shift + skip))
 *
 * @param counts [batch, height, width, channels]
 * @param folded [3, channels], from `foldOutputTransform`; finite.
 * @param skip [batch, height, width, channels / skipRepeats], or null.
 * @param attributes The pool, and how often the skip is repeated.
 * @returns [batch, height, width, channels]; a pool halves height and width (⌊size / 2⌋).
 * @throws ShapeError if the operands do not fit; DTypeError unless the counts are u8, i16 or i32; RangeError for an unknown
 *   pool.
 * @example
 * ```ts
 * import { foldedOutputTransform } from '@mobinet/bnn/kernels';
 * import { tensor, unpackBits } from '@mobinet/tensor';
 *
 * const counts = tensor([2, -2], { dtype: 'i16', shape: [1, 1, 2, 1] });
 * const folded = tensor([[6], [1.5], [1]]); // positive, negative and shift
 * const attributes = { signs: 4, skipRepeats: 0, pool: null };
 * const { output, outputSigns } = foldedOutputTransform(counts, folded, null, attributes);
 * console.log(`${output.values}, signs ${unpackBits(outputSigns).values}`);
 * // → 13,-2, signs 1,-1
 * ```
 */
export function foldedOutputTransform(
  counts: Counts,
  folded: Tensor,
  skip: Tensor | null,
  attributes: FoldedOutputTransformAttributes,
): FoldedOutputTransformResult {
  checkCounts('foldedOutputTransform', counts);
  checkChoice('foldedOutputTransform: pool', attributes.pool, outputPools);
  const inputs: FoldedOutputTransformInputs = skip ? [counts, folded, skip] : [counts, folded];
  const [output, outputSigns] = apply(foldedOutputTransformOp, inputs, attributes);
  return { output, outputSigns };
}

/**
 * The op of `foldedOutputTransform`, for fusion rules.
 *
 * @example
 * ```ts
 * import { foldedOutputTransform, foldedOutputTransformOp } from '@mobinet/bnn/kernels';
 * import { type Tensor, tensor } from '@mobinet/tensor';
 * import { isCallOf, trace } from '@mobinet/tensor/kernels';
 *
 * const folded = tensor([[6], [1.5], [1]]);
 * const attributes = { signs: 4, skipRepeats: 0, pool: null };
 * const { calls } = trace(
 *   (counts) => foldedOutputTransform(counts as Tensor<'i16'>, folded, null, attributes).output,
 *   [{ dtype: 'i16', shape: [1, 8, 8, 1] }],
 * );
 * console.log(calls.map((call) => call.kind === 'op' && isCallOf(call, foldedOutputTransformOp)));
 * // → [ true ]
 * ```
 */
export const foldedOutputTransformOp = defineOp<
  FoldedOutputTransformInputs,
  [Tensor, BitTensor],
  FoldedOutputTransformAttributes
>({
  name: 'foldedOutputTransform',
  accepts: [['u8', 'i16', 'i32'], ['f32']],
  outputs([counts, folded, ...[skip]], { skipRepeats, pool }) {
    const [batch, height, width, channels] = counts.shape;
    const skipFits = skip ? skip.size * skipRepeats === counts.size : skipRepeats === 0;
    if (counts.rank !== 4 || folded.shape.join() !== `3,${channels}` || !skipFits) {
      const operands = [counts, folded, ...(skip ? [skip] : [])].map(({ shape, label }, index) => ({
        name: ['counts', 'folded', 'skip'][index],
        shape,
        note: label,
      }));
      const remedy = 'folded must be [3, channels], and skip [batch, height, width, channels / skipRepeats].';
      throw new ShapeError('foldedOutputTransform', 'the operands do not fit', operands, remedy);
    }
    const shape = pool ? [batch, height >> 1, width >> 1, channels] : counts.shape;
    return [
      { dtype: 'f32', shape },
      { dtype: 'bits', shape },
    ];
  },
  reference([counts, folded, ...[skip]], [{ values: y, shape }, outputSigns], { signs, skipRepeats, pool }) {
    const [batch, outHeight, outWidth, channels] = shape;
    const [, height, width] = counts.shape;
    const skipChannels = channels / skipRepeats;

    const element = (n: number, i: number, j: number, c: number): number => {
      const pixel = (n * height + i) * width + j;
      const count = countOf(counts.dtype, signs, counts.values[pixel * channels + c]);
      return outputOf(folded, c, count, skip ? skip.values[pixel * skipChannels + (c % skipChannels)] : 0);
    };
    /** The elements of 2×2 pixels in row-major order. */
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
    if (hasKernels([counts, ...skip])) foldedOutputTransformByKernel(inputs, outputs, attributes);
    else foldedOutputTransformOp.reference(inputs, outputs, attributes);
  },
  webgpu: (inputs, outputs, attributes) => gpuKernels().foldedOutputTransformOnGpu(inputs, outputs, attributes),
});

/** As `avgPool2d`, `maxPool2d` and `minPool2d` compute it; the average is a sum in this order, then a quarter of it. */
const pools: Record<OutputPool, (a: number, b: number, c: number, d: number) => number> = {
  average: (a, b, c, d) => Math.fround(Math.fround(Math.fround(a + b) + c) + d) / 4,
  max: Math.max,
  min: Math.min,
};

const outputPools = [null, ...Object.keys(pools)];
