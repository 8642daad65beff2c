import { dispose, type Tensor } from '@mobinet/tensor';
import {
  emptyTensor,
  flushedWgsl,
  groupsOf,
  linear,
  linearWorkgroup,
  Shader,
  shaderFamily,
} from '@mobinet/tensor/kernels';
import type { CountNormAttributes, CountNormInputs, GradientInputs } from './count-norm.js';
import { CountSums } from './count-sums.wgsl.js';
import { activationOf, type CountType, countOf, countType } from './counts.wgsl.js';

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
    { counts, scale, slope, signs },
    { first: counts, scales: scale, slopes: slope, gamma },
    { mean, variance, factor },
    { epsilon },
  );
  const reads = { counts, scales: scale, slopes: slope, mean, factor, beta, ...(skip ? { skip } : {}) };
  const skipChannels = skip ? channels / skipRepeats : channels;
  const numbers = { elements: output.size, channels, skipChannels, signs };
  normalizeShader(type, skip !== undefined).run(reads, { output }, numbers, groupsOf(output.size));
  dispose(factor);
}

/** μ, σ² and γ/√(σ² + ε). Sums are of distances from the first pixel: of squares of large numbers, little would be left. */
const statisticsOf = shaderFamily((type: CountType) => {
  const origin = (counts: string): string => `
    let firstCount = ${countOf(type, `${counts}[channel]`)};
    let origin = ${activationOf('firstCount')};`;
  return new CountSums(
    'count_norm',
    type,
    {
      reads: {},
      writes: {},
      perChannel: origin('counts'),
      perCount: 'let distance = activation - origin;',
      sums: ['distance', 'distance * distance'],
    },
    {
      reads: { first: type, scales: 'f32', slopes: 'f32', gamma: 'f32' },
      writes: { mean: 'f32', variance: 'f32', factor: 'f32' },
      perChannel: `
    let scale = scales[channel];
    let slope = slopes[channel];
    ${origin('first')}
    let distance = sum0 / f32(p.rows);
    let sigma2 = max(0.0, sum1 / f32(p.rows) - distance * distance);
    mean[channel] = origin + distance;
    variance[channel] = sigma2;
    factor[channel] = gamma[channel] / sqrt(sigma2 + p.epsilon);`,
    },
    { epsilon: 'f32' },
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
  const segment = { counts, scale, slope, signs };
  const terms = emptyTensor('f32', [3, scale.size], 'countNormGradient', 'webgpu');
  gradientSumsOf(type).run(segment, { dy, mean, gamma, variance }, { dgamma, dbeta, terms }, { epsilon });
  gradientOf(type).run(segment, { dy, mean, terms }, { dz, dslope }, {});
  dispose(terms);
}

/** dγ and dβ, and what makes dp of dy and p: dp = term₀·(dy − term₁ − (p − μ)·term₂). */
const gradientSumsOf = shaderFamily(
  (type: CountType) =>
    new CountSums(
      'count_norm_gradient_sums',
      type,
      {
        reads: { dy: 'f32', mean: 'f32' },
        writes: {},
        perChannel: 'let mu = mean[channel];',
        perCount: '',
        sums: ['dy[at]', 'dy[at] * (activation - mu)'],
      },
      {
        reads: { gamma: 'f32', variance: 'f32' },
        writes: { dgamma: 'f32', dbeta: 'f32', terms: 'f32' },
        perChannel: `
    let s = 1.0 / sqrt(variance[channel] + p.epsilon);
    dbeta[channel] = sum0;
    dgamma[channel] = sum1 * s;
    terms[channel] = gamma[channel] * s;
    terms[p.channels + channel] = sum0 / f32(p.rows);
    terms[2u * p.channels + channel] = sum1 / f32(p.rows) * s * s;`,
      },
      { epsilon: 'f32' },
    ),
);

/** dz, and what of it is the slope's. */
const gradientOf = shaderFamily(
  (type: CountType) =>
    new CountSums(
      'count_norm_gradient',
      type,
      {
        reads: { dy: 'f32', mean: 'f32', terms: 'f32' },
        writes: { dz: 'f32' },
        perChannel: `
    let mu = mean[channel];
    let factor = terms[channel];
    let share = terms[p.channels + channel];
    let tilt = terms[2u * p.channels + channel];`,
        perCount: `
      let dp = factor * (dy[at] - share - (activation - mu) * tilt);
      let gradient = select(dp, slope * dp, count <= 0);
      dz[at] = ${flushedWgsl('gradient')};`,
        sums: ['select(0.0, dp * z, count < 0)'],
      },
      { reads: {}, writes: { dslope: 'f32' }, perChannel: 'dslope[channel] = sum0;' },
      {},
    ),
);
