import { ColumnSumsShader } from '../column-sums.wgsl.js';
import { MapShader } from '../elementwise/elementwise.wgsl.js';

export const affineShader = new MapShader({
  name: 'affine',
  operands: ['x', 'scale', 'shift'],
  wgsl: 'x * scale + shift',
});

/** The mean and variance of each channel, from x and its first row: see `batchNorm`. */
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

/** Subtracts the mean first, since the difference of close numbers is exact. */
export const normalizeShader = new MapShader({
  name: 'batchNorm',
  operands: ['x', 'mean', 'variance', 'gamma', 'beta'],
  numbers: ['epsilon'],
  wgsl: '(x - mean) / sqrt(variance + p.epsilon) * gamma + beta',
});

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

const inverseDeviation = 'inverseSqrt(variance + p.epsilon)';
const shared = `(dbeta + (x - mean) * ${inverseDeviation} * dgamma) * p.share`;

/** ∂L/∂x, where `share` is 1 / the number of rows. */
export const batchNormGradientShader = new MapShader({
  name: 'batchNormGradient',
  operands: ['dy', 'x', 'mean', 'variance', 'gamma', 'dgamma', 'dbeta'],
  numbers: ['epsilon', 'share'],
  wgsl: `flushed(gamma * ${inverseDeviation} * (dy - ${shared}))`,
});
