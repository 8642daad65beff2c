import { dispose, type Tensor } from '@mobinet/tensor';
import {
  ColumnSumsShader,
  emptyTensor,
  flushedWgsl,
  groupsOf,
  linear,
  linearWorkgroup,
  Shader,
  shaderFamily,
} from '@mobinet/tensor/kernels';
import type { CountNormAttributes, CountNormInputs, GradientInputs } from './count-norm-attributes.js';
import { activationOf, type CountType, countOf, countType } from './counts.wgsl.js';

/** What is known of a channel where counts are summed. */
const vectors = { scale: 'f32', slope: 'f32' } as const;

/** WGSL for each of the `counts` that are summed: the count, `z`, the scaled one, and its activation. */
const eachCount = (type: CountType): string => `
      let count = ${countOf(type, 'counts')};
      let z = f32(count) * scale;
      let activation = ${activationOf('count')};`;

/** Channels that a workgroup sums at once. */
const width = 32;

/** `countNorm` in two passes over the counts: the statistics, then all else. */
export function countNormOnGpu(
  [counts, scale, slope, gamma, beta, ...[skip]]: CountNormInputs,
  [output, mean, variance]: readonly [Tensor, Tensor, Tensor],
  { signs, epsilon, skipRepeats }: CountNormAttributes,
): void {
  const channels = scale.size;
  const type = countType(counts);
  const factor = emptyTensor('f32', [channels], 'countNorm', 'webgpu');
  statisticsOf(type).run(
    { counts, first: counts, scale, slope, gamma },
    { mean, variance, factor },
    { epsilon, signs },
    counts.size / channels,
    channels,
  );
  const reads = { counts, scales: scale, slopes: slope, mean, factor, beta, ...(skip ? { skip } : {}) };
  const skipChannels = skip ? channels / skipRepeats : channels;
  const numbers = { elements: output.size, channels, skipChannels, signs };
  normalizeShader(type, skip !== undefined).run(reads, { output }, numbers, groupsOf(output.size));
  dispose(factor);
}

/** μ, σ² and γ/√(σ² + ε). Sums are of distances from the first pixel: of squares of large numbers, little would be left. */
const statisticsOf = shaderFamily((type: CountType) => {
  const origin = `
    let firstCount = ${countOf(type, 'first')};
    let origin = ${activationOf('firstCount')};`;
  return new ColumnSumsShader(
    `count_norm_${type}`,
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

const normalizeShader = shaderFamily((type: CountType, hasSkip: boolean) => {
  const reads: Record<string, 'f32' | CountType> = {
    ...({ counts: type, scales: 'f32', slopes: 'f32', mean: 'f32', factor: 'f32', beta: 'f32' } as const),
  };
  if (hasSkip) reads.skip = 'f32';
  return new Shader(`count_norm_${type}_apply${hasSkip ? '_skip' : ''}`, {
    reads,
    writes: { output: 'f32' },
    parameters: { elements: 'u32', channels: 'u32', skipChannels: 'u32', signs: 'u32' },
    workgroup: linearWorkgroup,
    main: `${linear('p.elements')}
  let c = i % p.channels;
  let scale = scales[c];
  let slope = slopes[c];
  let count = ${countOf(type, 'counts[i]')};
  let y = (${activationOf('count')} - mean[c]) * factor[c] + beta[c];
  output[i] = y${hasSkip ? ' + skip[(i / p.channels) * p.skipChannels + c % p.skipChannels]' : ''};`,
  });
});

/** `countNormGradient` in two passes: the sums that dz depends on, then dz, with the sum that depends on it. */
export function countNormGradientOnGpu(
  [dy, counts, scale, slope, gamma, mean, variance]: GradientInputs,
  [dz, dslope, dgamma, dbeta]: readonly [Tensor, Tensor, Tensor, Tensor],
  { signs, epsilon }: CountNormAttributes,
): void {
  const type = countType(counts);
  const [channels, rows] = [scale.size, counts.size / scale.size];
  const segment = { counts, dy, scale, slope, mean };
  const terms = emptyTensor('f32', [3, channels], 'countNormGradient', 'webgpu');
  const sums = { dgamma, dbeta, terms };
  gradientSumsOf(type).run({ ...segment, gamma, variance }, sums, { epsilon, signs }, rows, channels);
  gradientOf(type).run({ ...segment, terms }, { dz, dslope }, { signs }, rows, channels);
  dispose(terms);
}

/** dγ and dβ, and what makes dp of dy and p: dp = term₀·(dy − term₁ − (p − μ)·term₂). */
const gradientSumsOf = shaderFamily(
  (type: CountType) =>
    new ColumnSumsShader(
      `count_norm_gradient_sums_${type}`,
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

/** dz, and what of it is the slope's. */
const gradientOf = shaderFamily(
  (type: CountType) =>
    new ColumnSumsShader(
      `count_norm_gradient_${type}`,
      {
        matrices: { counts: type, dy: 'f32' },
        vectors: { ...vectors, mean: 'f32' },
        buffers: { terms: 'f32' },
        writes: { dz: 'f32' },
        perChannel: `
    let factor = terms[channel];
    let share = terms[p.channels + channel];
    let tilt = terms[2u * p.channels + channel];`,
        each: `${eachCount(type)}
      let dp = factor * (dy - share - (activation - mean) * tilt);
      let gradient = select(dp, slope * dp, count <= 0);
      dz[at] = ${flushedWgsl('gradient')};`,
        sums: ['select(0.0, dp * z, count < 0)'],
        width,
      },
      { writes: { dslope: 'f32' }, each: 'dslope[channel] = sum0;' },
      { signs: 'u32' },
    ),
);
