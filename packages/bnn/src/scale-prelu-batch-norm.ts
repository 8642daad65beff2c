import { apply, defineOp, ShapeError, sameShape, type Tensor } from '@mobinet/tensor/functions';
import { flushed } from '@mobinet/tensor/kernels';
import { type Counts, checkCounts } from './counts.js';
import { hasKernels } from './counts.wasm.js';
import { scalePreluBatchNormByKernels } from './scale-prelu-batch-norm.wasm.js';
import { scalePreluBatchNormGradientOnGpu, scalePreluBatchNormOnGpu } from './scale-prelu-batch-norm.wgsl.js';
import type {
  GradientInputs,
  ScalePreluBatchNormAttributes,
  ScalePreluBatchNormInputs,
} from './scale-prelu-batch-norm-attributes.js';
import { scalePreluBatchNormGradientByKernels } from './scale-prelu-batch-norm-gradient.wasm.js';

/** The parameters by which a segment transforms the counts of its convolution in training. All are [channels]. */
export interface ChannelParameters {
  /** α, the scaling factors of the filters, above 0. */
  readonly alpha: Tensor;
  /** The slopes of a PReLU; 0 for a ReLU. */
  readonly slope: Tensor;
  /** γ of the batch normalization. */
  readonly gamma: Tensor;
  /** β of the batch normalization. */
  readonly beta: Tensor;
}

/** The output of a segment in training, and the statistics of this batch. */
export interface ScalePreluBatchNormResult {
  /** f32 [..., channels] */
  readonly output: Tensor;
  /** The mean of the activations before normalization, [channels]. */
  readonly mean: Tensor;
  /** Their variance, biased, [channels]. */
  readonly variance: Tensor;
}

/**
 * Everything that follows the convolution of a segment in training: scaling factors, PReLU, batch normalization, skip.
 *
 *     z = α·count    p = z where z > 0, else slope·z    y = γ·(p − μ)/√(σ² + ε) + β + skip
 *
 * with the mean μ and variance σ² of p over all pixels. As a single op, it needs to save only the counts, of one or two
 * bytes each.
 *
 * @param counts [..., channels]
 * @param parameters α, slope, γ and β, each [channels].
 * @param skip [..., channels / skipRepeats], or null.
 * @param attributes ε, and how often the skip is repeated.
 * @throws ShapeError if the operands do not fit; DTypeError unless the counts are u8, i16 or i32.
 * @example
 * ```ts
 * import { scalePreluBatchNorm } from '@mobinet/bnn/kernels';
 * import { tensor } from '@mobinet/tensor';
 *
 * const counts = tensor([[2], [-2]], { dtype: 'i16' });
 * const [alpha, slope, gamma, beta] = [1, 0.5, 1, 0].map((value) => tensor([value]));
 * const attributes = { signs: 4, epsilon: 1e-5, skipRepeats: 0 };
 * // The PReLU gives 2 and −1, whose mean is 0.5 and whose variance is 2.25.
 * const { output, mean, variance } = scalePreluBatchNorm(counts, { alpha, slope, gamma, beta }, null, attributes);
 * const values = [...mean.values, ...variance.values, ...output.values];
 * console.log(values.map((value) => value.toFixed(2)).join(' '));
 * // → 0.50 2.25 1.00 -1.00
 * ```
 */
export function scalePreluBatchNorm(
  counts: Counts,
  { alpha, slope, gamma, beta }: ChannelParameters,
  skip: Tensor | null,
  attributes: ScalePreluBatchNormAttributes,
): ScalePreluBatchNormResult {
  checkCounts('scalePreluBatchNorm', counts);
  const inputs: ScalePreluBatchNormInputs = [counts, alpha, slope, gamma, beta, ...(skip ? [skip] : [])];
  const [output, mean, variance] = apply(scalePreluBatchNormOp, inputs, attributes);
  return { output, mean, variance };
}

const scalePreluBatchNormOp = defineOp<
  ScalePreluBatchNormInputs,
  [Tensor, Tensor, Tensor],
  ScalePreluBatchNormAttributes
>({
  name: 'scalePreluBatchNorm',
  accepts: [['u8', 'i16', 'i32'], ['f32']],
  outputs([counts, ...rest], { skipRepeats }) {
    const channels = counts.shape[counts.rank - 1];
    const shape = [channels];
    const [, , , , skip] = rest;
    const fits = rest.slice(0, 4).every((vector) => vector.shape.join() === shape.join());
    const skipFits = skip ? skip.size * skipRepeats === counts.size : skipRepeats === 0;
    if (!fits || !skipFits) {
      const operands = [counts, ...rest].map(({ shape, label }, index) => ({ name: names[index], shape, note: label }));
      const remedy = 'alpha, slope, gamma and beta must be [channels], and skip [..., channels / skipRepeats].';
      throw new ShapeError('scalePreluBatchNorm', 'the operands do not fit', operands, remedy);
    }
    return [
      { dtype: 'f32', shape: counts.shape },
      { dtype: 'f32', shape },
      { dtype: 'f32', shape },
    ];
  },
  reference([counts, alpha, slope, gamma, beta, ...[skip]], [output, mean, variance], attributes) {
    const { epsilon, skipRepeats } = attributes;
    const channels = alpha.size;
    const pixels = counts.size / channels;
    const activation = activationOf(dotProducts(counts, attributes), alpha, slope);
    const skipped = skip?.values;
    const skipChannels = channels / skipRepeats;
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let pixel = 0; pixel < pixels; pixel++) sum += activation(pixel, c);
      const mu = sum / pixels;
      let squares = 0;
      for (let pixel = 0; pixel < pixels; pixel++) squares += (activation(pixel, c) - mu) ** 2;
      const sigma2 = squares / pixels;
      mean.values[c] = mu;
      variance.values[c] = sigma2;
      const factor = gamma.values[c] / Math.sqrt(sigma2 + epsilon);
      for (let pixel = 0; pixel < pixels; pixel++) {
        const y = (activation(pixel, c) - mu) * factor + beta.values[c];
        output.values[pixel * channels + c] = y + (skipped ? skipped[pixel * skipChannels + (c % skipChannels)] : 0);
      }
    }
  },
  fast(inputs, outputs, attributes) {
    if (hasKernels(inputs)) scalePreluBatchNormByKernels(inputs, outputs, attributes);
    else scalePreluBatchNormOp.reference(inputs, outputs, attributes);
  },
  webgpu: (inputs, outputs, attributes) => scalePreluBatchNormOnGpu(inputs, outputs, attributes),
});

const names = ['counts', 'alpha', 'slope', 'gamma', 'beta', 'skip'];

/** The counts as dot products of signs, whatever their dtype. */
function dotProducts({ dtype, values }: Counts, { signs }: ScalePreluBatchNormAttributes): ArrayLike<number> {
  return dtype === 'u8' ? Int16Array.from(values, (differences) => signs - 2 * differences) : values;
}

/** p of a pixel and channel, from its count. */
function activationOf(counts: ArrayLike<number>, { values: alpha }: Tensor, { values: slope }: Tensor) {
  const channels = alpha.length;
  return (pixel: number, c: number): number => {
    const count = counts[pixel * channels + c];
    return count * alpha[c] * (count > 0 ? 1 : slope[c]);
  };
}

/** The gradients of `scalePreluBatchNorm`. All but dz are [channels]. */
export interface ScalePreluBatchNormGradients {
  /** ∂L/∂z with respect to the scaled counts z = α·count; of their shape. */
  readonly dz: Tensor;
  /** ∂L/∂slope. */
  readonly dslope: Tensor;
  /** ∂L/∂γ. */
  readonly dgamma: Tensor;
  /** ∂L/∂β. */
  readonly dbeta: Tensor;
}

/**
 * The gradients of `scalePreluBatchNorm`, from dy = ∂L/∂y. With x̂ = (p − μ)/√(σ² + ε) and N pixels (derived at
 * `batchNorm`):
 *
 *     dβ = Σ dy    dγ = Σ dy·x̂    dp = γ/√(σ² + ε) · (dy − dβ/N − x̂·dγ/N)
 *     dz = dp where z > 0, else slope·dp    dslope = Σ dp·z over z < 0
 *
 * Counts of exactly 0 are common; there, the slope is that of the negative side, as in PyTorch and in `prelu`. The
 * gradient of the skip is dy itself, summed over the repeats. Tiny values of dz are flushed to 0.
 *
 * @param dy [..., channels]
 * @param counts [..., channels], as in the forward pass; so are the parameters and the attributes.
 * @param parameters α, slope and γ, each [channels].
 * @param statistics μ and σ² of the forward pass, each [channels].
 * @param attributes ε, and how often the skip is repeated.
 * @throws ShapeError if the operands do not fit; DTypeError unless the counts are u8, i16 or i32.
 * @example
 * ```ts
 * import { scalePreluBatchNorm, scalePreluBatchNormGradient } from '@mobinet/bnn/kernels';
 * import { tensor } from '@mobinet/tensor';
 *
 * const counts = tensor([[2], [-2]], { dtype: 'i16' });
 * const [alpha, slope, gamma, beta] = [1, 0.5, 1, 0].map((value) => tensor([value]));
 * const attributes = { signs: 4, epsilon: 1e-5, skipRepeats: 0 };
 * const result = scalePreluBatchNorm(counts, { alpha, slope, gamma, beta }, null, attributes);
 *
 * // dβ = Σ dy, and dγ = Σ dy·x̂, where x̂ is 1 and −1.
 * const dy = tensor([[3], [1]]);
 * const { dbeta, dgamma } = scalePreluBatchNormGradient(dy, counts, { alpha, slope, gamma }, result, attributes);
 * console.log(`${dbeta.values[0].toFixed(2)} ${dgamma.values[0].toFixed(2)}`);
 * // → 4.00 2.00
 * ```
 */
export function scalePreluBatchNormGradient(
  dy: Tensor,
  counts: Counts,
  { alpha, slope, gamma }: Omit<ChannelParameters, 'beta'>,
  { mean, variance }: Pick<ScalePreluBatchNormResult, 'mean' | 'variance'>,
  attributes: ScalePreluBatchNormAttributes,
): ScalePreluBatchNormGradients {
  checkCounts('scalePreluBatchNormGradient', counts);
  const inputs: GradientInputs = [dy, counts, alpha, slope, gamma, mean, variance];
  const [dz, dslope, dgamma, dbeta] = apply(gradientOp, inputs, attributes);
  return { dz, dslope, dgamma, dbeta };
}

const gradientOp = defineOp<GradientInputs, [Tensor, Tensor, Tensor, Tensor], ScalePreluBatchNormAttributes>({
  name: 'scalePreluBatchNormGradient',
  accepts: [['f32'], ['u8', 'i16', 'i32'], ['f32']],
  outputs(inputs) {
    const [dy, counts, ...vectors] = inputs;
    const channels = counts.shape[counts.rank - 1];
    if (!sameShape(dy.shape, counts.shape) || vectors.some((vector) => !sameShape(vector.shape, [channels]))) {
      const names = ['dy', 'counts', 'alpha', 'slope', 'gamma', 'mean', 'variance'];
      const operands = inputs.map(({ shape, label }, index) => ({ name: names[index], shape, note: label }));
      const remedy = 'dy must have the shape of the counts, and all others must be [channels].';
      throw new ShapeError('scalePreluBatchNormGradient', 'the operands do not fit', operands, remedy);
    }
    const [alpha] = vectors;
    return [dy, alpha, alpha, alpha];
  },
  reference([dy, counts, alpha, slope, gamma, mean, variance], [dz, dslope, dgamma, dbeta], attributes) {
    const { epsilon } = attributes;
    const channels = alpha.size;
    const pixels = counts.size / channels;
    const products = dotProducts(counts, attributes);
    const activation = activationOf(products, alpha, slope);
    for (let c = 0; c < channels; c++) {
      const s = 1 / Math.sqrt(variance.values[c] + epsilon);
      const normalized = (pixel: number): number => (activation(pixel, c) - mean.values[c]) * s;
      let sum = 0;
      let centered = 0;
      for (let pixel = 0; pixel < pixels; pixel++) {
        sum += dy.values[pixel * channels + c];
        centered += dy.values[pixel * channels + c] * normalized(pixel);
      }
      let throughSlope = 0;
      for (let pixel = 0; pixel < pixels; pixel++) {
        const at = pixel * channels + c;
        const dp = gamma.values[c] * s * (dy.values[at] - sum / pixels - (normalized(pixel) * centered) / pixels);
        const takesSlope = products[at] <= 0;
        if (takesSlope) throughSlope += dp * alpha.values[c] * products[at];
        const gradient = takesSlope ? slope.values[c] * dp : dp;
        dz.values[at] = flushed(gradient);
      }
      dbeta.values[c] = sum;
      dgamma.values[c] = centered;
      dslope.values[c] = throughSlope;
    }
  },
  fast(inputs, outputs, attributes) {
    const [, counts, ...rest] = inputs;
    if (hasKernels([counts, ...rest])) scalePreluBatchNormGradientByKernels(inputs, outputs, attributes);
    else gradientOp.reference(inputs, outputs, attributes);
  },
  webgpu: (inputs, outputs, attributes) => scalePreluBatchNormGradientOnGpu(inputs, outputs, attributes),
});
