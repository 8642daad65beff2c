import { ColumnSumsShader } from '../column-sums.wgsl.js';
import { MapShader } from './elementwise.wgsl.js';

export const preluShader = new MapShader({
  name: 'prelu',
  operands: ['x', 'slope'],
  wgsl: 'select(x * slope, x, x > 0.0)',
});

/** ∂L/∂x. */
export const preluGradientShader = new MapShader({
  name: 'preluGradient',
  operands: ['dy', 'x', 'slope'],
  wgsl: 'flushed(select(dy * slope, dy, x > 0.0))',
});

/** ∂L/∂slope. */
export const preluSlopeShader = new ColumnSumsShader(
  'prelu_slope',
  { matrices: { dy: 'f32', x: 'f32' }, sums: ['select(dy * x, 0.0, x > 0.0)'] },
  { writes: { dslope: 'f32' }, each: 'dslope[channel] = sum0;' },
);
