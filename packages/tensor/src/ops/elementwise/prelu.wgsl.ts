import { ColumnSumsShader } from '../column-sums.wgsl.js';
import { flushedWgsl, MapShader } from './elementwise.wgsl.js';

/** Takes x as a and slope as b. */
export const preluShader = new MapShader('prelu', 'select(a * b, a, a > 0.0)');

/** ∂L/∂x, of dy, x and slope. */
export const preluGradientShader = new MapShader('prelu_gradient', flushedWgsl('select(a * c, a, b > 0.0)'));

/** ∂L/∂slope. */
export const preluSlopeShader = new ColumnSumsShader(
  'prelu_slope',
  { matrices: { dy: 'f32', x: 'f32' }, sums: ['select(dy * x, 0.0, x > 0.0)'] },
  { writes: { dslope: 'f32' }, each: 'dslope[channel] = sum0;' },
);
