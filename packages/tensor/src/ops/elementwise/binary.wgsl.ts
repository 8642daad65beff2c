import { dtypes } from '../../dtype.js';
import { MapShader } from './elementwise.wgsl.js';

/** Arithmetic of two operands, by the names of the ops. */
export const binaryShaders = {
  add: new MapShader('add', 'a + b'),
  sub: new MapShader('sub', 'a - b'),
  mul: new MapShader('mul', 'a * b'),
  div: new MapShader('div', 'a / b'),
  maximum: new MapShader('maximum', 'max(a, b)'),
  minimum: new MapShader('minimum', 'min(a, b)'),
};

/** Comparisons: 1 where they hold, else 0. */
export const compareShaders = {
  equal: new MapShader('equal', 'u32(a == b)', {}, dtypes),
  notEqual: new MapShader('not_equal', 'u32(a != b)', {}, dtypes),
  less: new MapShader('less', 'u32(a < b)', {}, dtypes),
  lessEqual: new MapShader('less_equal', 'u32(a <= b)', {}, dtypes),
  greater: new MapShader('greater', 'u32(a > b)', {}, dtypes),
  greaterEqual: new MapShader('greater_equal', 'u32(a >= b)', {}, dtypes),
};

export const whereShader = new MapShader('where', 'select(c, b, a != 0u)', {}, dtypes);
