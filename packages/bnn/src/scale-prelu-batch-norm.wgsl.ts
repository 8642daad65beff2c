import { dispose, type Tensor } from '@mobinet/tensor/functions';
import {
  ColumnSumsShader,
  elementAt,
  emptyTensor,
  flushedWgsl,
  groupsOf,
  linear,
  linearWorkgroup,
  memoize,
  Shader,
} from '@mobinet/tensor/kernels';
import { activationOf, type CountType, countOf } from './counts.wgsl.js';
import type {
  GradientInputs,
  ScalePreluBatchNormAttributes,
  ScalePreluBatchNormInputs,
} from './scale-prelu-batch-norm-attributes.js';

/** Numbers of each channel that the sums over counts read. */
const vectors = { alpha: 'f32', slope: 'f32' } as const;

/** WGSL for each of the `counts` that are summed: the count, `z` = α·count, and its activation. */
const eachCount = (type: CountType): string => `
      let count = ${countOf(type, 'counts')};
      let z = f32(count) * alpha;
      let activation = ${activationOf('count')};`;

/** Channels per workgroup. */
const width = 32;

/** `scalePreluBatchNorm` in two passes over the counts: first the statistics, then the output. */
export function scalePreluBatchNormOnGpu(
  [counts, alpha, slope, gamma, beta, ...[skip]]: ScalePreluBatchNormInputs,
  [output, mean, variance]: readonly [Tensor, Tensor, Tensor],
  { signs, epsilon, skipRepeats }: ScalePreluBatchNormAttributes,
): void {
  const channels = alpha.size;
  const type = counts.dtype;
  const factor = emptyTensor('f32', [channels], 'scalePreluBatchNorm', 'webgpu');
  statisticsOf(type).run(
    { counts, first: counts, alpha, slope, gamma },
    { mean, variance, factor },
    { epsilon, signs },
    counts.size / channels,
    channels,
  );
  const reads = { counts, alphas: alpha, slopes: slope, mean, factor, beta, ...(skip ? { skip } : {}) };
  const skipChannels = skip ? channels / skipRepeats : channels;
  const numbers = { elements: output.size, channels, skipChannels, signs };
  normalizeShader(type, skip !== undefined).run(reads, { output }, numbers, groupsOf(output.size));
  dispose(factor);
}

/**
 * μ, σ² and γ/√(σ² + ε). The sums are of distances from the first pixel, since σ² as a difference of large squares
 * would lose its precision.
 */
const statisticsOf = memoize((type: CountType) => {
  const origin = `
    let firstCount = ${countOf(type, 'first')};
    let origin = ${activationOf('firstCount')};`;
  return new ColumnSumsShader(
    `scale_prelu_batch_norm_${type}`,
    {
      matrices: { counts: type },
      vectors: { ...vectors, first: type },
      perChannel: origin,
      each: `${eachCount(type)}
      let distance = activation - origin;`,
      sums: ['distance', 'distance * distance'],
      width,
    },
    {
      vectors: { ...vectors, first: type, gamma: 'f32' },
      writes: { mean: 'f32', variance: 'f32', factor: 'f32' },
      each: `${origin}
    let distance = sum0 / f32(p.rows);
    let sigma2 = max(0.0, sum1 / f32(p.rows) - distance * distance);
    mean[channel] = origin + distance;
    variance[channel] = sigma2;
    factor[channel] = gamma / sqrt(sigma2 + p.epsilon);`,
    },
    { epsilon: 'f32', signs: 'u32' },
  );
});

const normalizeShader = memoize((type: CountType, hasSkip: boolean) => {
  const reads: Record<string, 'f32' | CountType> = {
    counts: type,
    alphas: 'f32',
    slopes: 'f32',
    mean: 'f32',
    factor: 'f32',
    beta: 'f32',
  };
  if (hasSkip) reads.skip = 'f32';
  return new Shader(`scale_prelu_batch_norm_${type}_apply${hasSkip ? '_skip' : ''}`, {
    reads,
    writes: { output: 'f32' },
    parameters: { elements: 'u32', channels: 'u32', skipChannels: 'u32', signs: 'u32' },
    workgroup: linearWorkgroup,
    main: `${linear('p.elements')}
  let c = i % p.channels;
  let alpha = alphas[c];
  let slope = slopes[c];
  let count = ${countOf(type, elementAt('counts', type, 'i'))};
  let y = (${activationOf('count')} - mean[c]) * factor[c] + beta[c];
  output[i] = y${hasSkip ? ' + skip[(i / p.channels) * p.skipChannels + c % p.skipChannels]' : ''};`,
  });
});

/** `scalePreluBatchNormGradient` in two passes: first the sums that dz depends on, then dz and the sum for dslope. */
export function scalePreluBatchNormGradientOnGpu(
  [dy, counts, alpha, slope, gamma, mean, variance]: GradientInputs,
  [dz, dslope, dgamma, dbeta]: readonly [Tensor, Tensor, Tensor, Tensor],
  { signs, epsilon }: ScalePreluBatchNormAttributes,
): void {
  const type = counts.dtype;
  const [channels, rows] = [alpha.size, counts.size / alpha.size];
  const segment = { counts, dy, alpha, slope, mean };
  const terms = emptyTensor('f32', [3, channels], 'scalePreluBatchNormGradient', 'webgpu');
  const sums = { dgamma, dbeta, terms };
  gradientSumsOf(type).run({ ...segment, gamma, variance }, sums, { epsilon, signs }, rows, channels);
  gradientOf(type).run({ ...segment, terms }, { dz, dslope }, { signs }, rows, channels);
  dispose(terms);
}

/** dγ and dβ, and the terms of dp = term₀·(dy − term₁ − (p − μ)·term₂). */
const gradientSumsOf = memoize(
  (type: CountType) =>
    new ColumnSumsShader(
      `scale_prelu_batch_norm_gradient_sums_${type}`,
      {
        matrices: { counts: type, dy: 'f32' },
        vectors: { ...vectors, mean: 'f32' },
        each: eachCount(type),
        sums: ['dy', 'dy * (activation - mean)'],
        width,
      },
      {
        vectors: { gamma: 'f32', variance: 'f32' },
        writes: { dgamma: 'f32', dbeta: 'f32', terms: 'f32' },
        each: `
    let s = 1.0 / sqrt(variance + p.epsilon);
    dbeta[channel] = sum0;
    dgamma[channel] = sum1 * s;
    terms[channel] = gamma * s;
    terms[p.channels + channel] = sum0 / f32(p.rows);
    terms[2u * p.channels + channel] = sum1 / f32(p.rows) * s * s;`,
      },
      { epsilon: 'f32', signs: 'u32' },
    ),
);

/** dz and dslope. */
const gradientOf = memoize(
  (type: CountType) =>
    new ColumnSumsShader(
      `scale_prelu_batch_norm_gradient_${type}`,
      {
        matrices: { counts: type, dy: 'f32' },
        vectors: { ...vectors, mean: 'f32' },
        buffers: { terms: 'f32' },
        writes: { dz: 'f32' },
        perChannel: `
    let factor = terms[channel];
    let meanDy = terms[p.channels + channel];
    let projection = terms[2u * p.channels + channel];`,
        each: `${eachCount(type)}
      let dp = factor * (dy - meanDy - (activation - mean) * projection);
      let gradient = select(dp, slope * dp, count <= 0);
      dz[at] = ${flushedWgsl('gradient')};`,
        sums: ['select(0.0, dp * z, count < 0)'],
        width,
      },
      { writes: { dslope: 'f32' }, each: 'dslope[channel] = sum0;' },
      { signs: 'u32' },
    ),
);
