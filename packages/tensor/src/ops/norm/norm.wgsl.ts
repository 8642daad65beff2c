import { ColumnSumsShader } from '../column-sums.wgsl.js';
import { flushedWgsl, MapShader } from '../elementwise/elementwise.wgsl.js';

/** x, scale and shift as a, b and c. */
export const affineShader = new MapShader('affine', 'a * b + c');

/** Mean and variance of each channel, of x and its first row: see `batchNorm`. */
export const momentsShader = new ColumnSumsShader(
  'moments',
  {
    matrices: { x: 'f32' },
    vectors: { near: 'f32' },
    each: 'let distance = x - near;',
    sums: ['distance', 'distance * distance'],
  },
  {
    vectors: { near: 'f32' },
    writes: { mean: 'f32', variance: 'f32' },
    each: `
    let distance = sum0 / f32(p.rows);
    mean[channel] = near + distance;
    variance[channel] = max(0.0, sum1 / f32(p.rows) - distance * distance);`,
  },
);

/** Takes x, mean, variance, gamma and beta. The mean is subtracted first, since the difference of close numbers is exact. */
export const normalizeShader = new MapShader('batch_norm', '(a - b) / sqrt(c + p.epsilon) * d + e', { epsilon: 'f32' });

/** ∂L/∂γ and ∂L/∂β. */
export const batchNormSumsShader = new ColumnSumsShader(
  'batch_norm_gradient',
  { matrices: { dy: 'f32', x: 'f32' }, vectors: { mean: 'f32' }, sums: ['dy', 'dy * (x - mean)'] },
  {
    vectors: { variance: 'f32' },
    writes: { dgamma: 'f32', dbeta: 'f32' },
    each: `
    dbeta[channel] = sum0;
    dgamma[channel] = sum1 / sqrt(variance + p.epsilon);`,
  },
  { epsilon: 'f32' },
);

/** ∂L/∂x, of dy, x, mean, variance, gamma, dgamma and dbeta. */
export const batchNormGradientShader = new MapShader(
  'batch_norm_gradient',
  flushedWgsl('(e * inverseSqrt(d + p.epsilon) * (a - (g + (b - c) * inverseSqrt(d + p.epsilon) * f) * p.share))'),
  { epsilon: 'f32', share: 'f32' },
);
