import { apply, defineOp, ShapeError, type Tensor } from '@mobinet/tensor';
import { flushed } from '@mobinet/tensor/kernels';
import { countNormByKernels, countNormGradientByKernels } from './count-norm.wasm.js';
import { countNormGradientOnGpu, countNormOnGpu } from './count-norm.wgsl.js';
import type { CountNormAttributes, CountNormInputs, GradientInputs } from './count-norm-attributes.js';
import type { Counts } from './counts.js';
import { hasKernels } from './counts.wasm.js';

/** What a segment does to the counts of its convolution, channel by channel. All are [channels]. */
export interface ChannelParameters {
  /** α, the scaling factors of the filters, above 0. */
  readonly scale: Tensor;
  /** The slopes of a PReLU; 0 for a ReLU. */
  readonly slope: Tensor;
  /** γ and β of the batch normalisation. */
  readonly gamma: Tensor;
  readonly beta: Tensor;
}

export interface CountNormResult {
  readonly output: Tensor;
  /** [channels]: of the activations in this batch, before normalisation. */
  readonly mean: Tensor;
  /** [channels], biased. */
  readonly variance: Tensor;
}

/**
 * All that follows the convolution in a segment, in training: scaling factors, PReLU, batch normalisation and skip.
 *
 *     z = α·count    p = z where z > 0, else slope·z    y = γ·(p − μ)/√(σ² + ε) + β + skip
 *
 * with mean μ and variance σ² of p over all pixels. In one op, so that the counts, of one or two bytes each, are all that is kept of it.
 *
 * @param counts [..., channels]
 * @param skip [..., channels / skipRepeats], or null.
 * @throws ShapeError if they do not fit.
 */
export function countNorm(
  counts: Counts,
  { scale, slope, gamma, beta }: ChannelParameters,
  skip: Tensor | null,
  attributes: CountNormAttributes,
): CountNormResult {
  const inputs: CountNormInputs = [counts, scale, slope, gamma, beta, ...(skip ? [skip] : [])];
  const [output, mean, variance] = apply(countNormOp, inputs, attributes);
  return { output, mean, variance };
}

const countNormOp = defineOp<CountNormInputs, [Tensor, Tensor, Tensor], CountNormAttributes>({
  name: 'countNorm',
  outputs([counts, ...rest], { skipRepeats }) {
    const channels = counts.shape[counts.rank - 1];
    const shape = [channels];
    const [, , , , skip] = rest;
    const fits = rest.slice(0, 4).every((vector) => vector.shape.join() === shape.join());
    if (!fits || (skip && skip.size * skipRepeats !== counts.size)) {
      const operands = [counts, ...rest].map(({ shape, label }, index) => ({ name: names[index], shape, note: label }));
      throw new ShapeError('countNorm', 'the operands do not fit', operands, 'All but counts and skip are [channels].');
    }
    return [
      { dtype: 'f32', shape: counts.shape },
      { dtype: 'f32', shape },
      { dtype: 'f32', shape },
    ];
  },
  reference([counts, scale, slope, gamma, beta, ...[skip]], [output, mean, variance], attributes) {
    const { epsilon, skipRepeats } = attributes;
    const channels = scale.size;
    const pixels = counts.size / channels;
    const activation = activationOf(dotProducts(counts, attributes), scale, slope);
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
    if (hasKernels(inputs)) countNormByKernels(inputs, outputs, attributes);
    else countNormOp.reference(inputs, outputs, attributes);
  },
  webgpu: (inputs, outputs, attributes) => countNormOnGpu(inputs, outputs, attributes),
});

const names = ['counts', 'scale', 'slope', 'gamma', 'beta', 'skip'];

/** The counts as they are. */
function dotProducts({ dtype, values }: Counts, { signs }: CountNormAttributes): ArrayLike<number> {
  return dtype === 'u8' ? Int16Array.from(values, (differences) => signs - 2 * differences) : values;
}

/** p of a pixel and channel, from its count. */
function activationOf(counts: ArrayLike<number>, { values: scale }: Tensor, { values: slope }: Tensor) {
  const channels = scale.length;
  return (pixel: number, c: number): number => {
    const count = counts[pixel * channels + c];
    return count * scale[c] * (count > 0 ? 1 : slope[c]);
  };
}

export interface CountNormGradients {
  /** ∂L/∂z, by the scaled counts; shaped like them. */
  readonly dz: Tensor;
  readonly dslope: Tensor;
  readonly dgamma: Tensor;
  readonly dbeta: Tensor;
}

/**
 * The gradients of `countNorm`, from dy = ∂L/∂y. With x̂ = (p − μ)/√(σ² + ε) and N pixels (batchNorm derives them):
 *
 *     dβ = Σ dy    dγ = Σ dy·x̂    dp = γ/√(σ² + ε) · (dy − dβ/N − x̂·dγ/N)
 *     dz = dp where z > 0, else slope·dp    dslope = Σ dp·z over z < 0
 *
 * A count of exactly 0 is common, and there the slope is that of the negative side, as in PyTorch and in `prelu`. The skip's gradient is
 * dy itself, its repeats summed. What is tiny of dz is flushed to 0.
 */
export function countNormGradient(
  dy: Tensor,
  counts: Counts,
  { scale, slope, gamma }: Omit<ChannelParameters, 'beta'>,
  { mean, variance }: Pick<CountNormResult, 'mean' | 'variance'>,
  attributes: CountNormAttributes,
): CountNormGradients {
  const inputs: GradientInputs = [dy, counts, scale, slope, gamma, mean, variance];
  const [dz, dslope, dgamma, dbeta] = apply(countNormGradientOp, inputs, attributes);
  return { dz, dslope, dgamma, dbeta };
}

const countNormGradientOp = defineOp<GradientInputs, [Tensor, Tensor, Tensor, Tensor], CountNormAttributes>({
  name: 'countNormGradient',
  outputs: ([dy, , scale]) => [dy, scale, scale, scale],
  reference([dy, counts, scale, slope, gamma, mean, variance], [dz, dslope, dgamma, dbeta], attributes) {
    const { epsilon } = attributes;
    const channels = scale.size;
    const pixels = counts.size / channels;
    const products = dotProducts(counts, attributes);
    const activation = activationOf(products, scale, slope);
    for (let c = 0; c < channels; c++) {
      const s = 1 / Math.sqrt(variance.values[c] + epsilon);
      const normalized = (pixel: number): number => (activation(pixel, c) - mean.values[c]) * s;
      let sum = 0;
      let centred = 0;
      for (let pixel = 0; pixel < pixels; pixel++) {
        sum += dy.values[pixel * channels + c];
        centred += dy.values[pixel * channels + c] * normalized(pixel);
      }
      let throughSlope = 0;
      for (let pixel = 0; pixel < pixels; pixel++) {
        const at = pixel * channels + c;
        const dp = gamma.values[c] * s * (dy.values[at] - sum / pixels - (normalized(pixel) * centred) / pixels);
        const isBent = products[at] <= 0;
        if (isBent) throughSlope += dp * scale.values[c] * products[at];
        const gradient = isBent ? slope.values[c] * dp : dp;
        dz.values[at] = flushed(gradient);
      }
      dbeta.values[c] = sum;
      dgamma.values[c] = centred;
      dslope.values[c] = throughSlope;
    }
  },
  fast(inputs, outputs, attributes) {
    const [, counts, ...rest] = inputs;
    if (hasKernels([counts, ...rest])) countNormGradientByKernels(inputs, outputs, attributes);
    else countNormGradientOp.reference(inputs, outputs, attributes);
  },
  webgpu: (inputs, outputs, attributes) => countNormGradientOnGpu(inputs, outputs, attributes),
});
