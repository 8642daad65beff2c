import { flushedWgsl, MapShader } from './elementwise.wgsl.js';
import { geluCubic, geluLimit, geluScale } from './unary.wasm.js';

const slope = { slope: 'f32' } as const;

/** σ(2u) of `gelu`, whose tanh may overflow in WGSL. */
const geluSigma = `(1.0 / (1.0 + exp(${-2 * geluScale} * X * (1.0 + ${geluCubic} * X * X))))`;
const sigmaOf = (x: string): string => geluSigma.replaceAll('X', x);
const limited = `clamp(b, -${geluLimit}.0, ${geluLimit}.0)`;
const geluSlope =
  `(${sigmaOf(limited)} + ${limited} * ${sigmaOf(limited)} * (1.0 - ${sigmaOf(limited)})` +
  ` * ${2 * geluScale} * (1.0 + ${3 * geluCubic} * ${limited} * ${limited}))`;

/** Functions of one tensor, and their gradients (of dy and x, or y), by their names in the ops. */
export const unaryShaders = {
  neg: new MapShader('neg', '-a'),
  abs: new MapShader('abs', 'abs(a)'),
  exp: new MapShader('exp', 'exp(a)'),
  log: new MapShader('log', 'log(a)'),
  sqrt: new MapShader('sqrt', 'sqrt(a)'),
  square: new MapShader('square', 'a * a'),
  sign: new MapShader('sign', 'select(1.0, -1.0, a < 0.0)'),
  flushTiny: new MapShader('flush_tiny', flushedWgsl('a')),
  sigmoid: new MapShader('sigmoid', '1.0 / (1.0 + exp(-a))'),
  // WGSL's tanh may be NaN for large numbers.
  tanh: new MapShader('tanh', 'tanh(clamp(a, -15.0, 15.0))'),
  relu: new MapShader('relu', 'max(a, 0.0)'),
  reluGradient: new MapShader('relu_gradient', flushedWgsl('select(0.0, a, b > 0.0)')),
  leakyRelu: new MapShader('leaky_relu', 'select(a * p.slope, a, a > 0.0)', slope),
  leakyReluGradient: new MapShader('leaky_relu_gradient', flushedWgsl('select(a * p.slope, a, b > 0.0)'), slope),
  gelu: new MapShader('gelu', `a * ${sigmaOf('a')}`),
  geluGradient: new MapShader('gelu_gradient', flushedWgsl(`(a * ${geluSlope})`)),
  clip: new MapShader('clip', 'min(max(a, p.least), p.most)', { least: 'f32', most: 'f32' }),
};
