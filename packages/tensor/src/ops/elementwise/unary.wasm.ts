import { exp, type F32x4, f32, f32x4, log, tanh } from '../../wasm/assembler.js';
import { flushedLanes } from '../flush.wasm.js';
import { ElementwiseKernel } from './elementwise.wasm.js';

/** The constants of `gelu`. */
export const geluScale = Math.sqrt(2 / Math.PI);
export const geluCubic = 0.044715;
/** Beyond, its slope is 0 or 1 to the last bit, and nothing is left but to keep powers of x from overflowing. */
export const geluLimit = 20;

const one = f32x4.const(1);
const zero = f32x4.const(0);

export const negKernel = new ElementwiseKernel('neg', 1, ([x]) => x.neg());
export const absKernel = new ElementwiseKernel('abs', 1, ([x]) => x.abs());
export const sqrtKernel = new ElementwiseKernel('sqrt', 1, ([x]) => x.sqrt());
/** `flushTiny` of flush-tiny.ts. */
export const flushTinyKernel = new ElementwiseKernel('flush_tiny', 1, ([x]) => flushedLanes(x));
export const squareKernel = new ElementwiseKernel('square', 1, ([x]) => x.mul(x));
export const signKernel = new ElementwiseKernel('sign', 1, ([x]) => f32x4.const(-1).where(x.lt(zero), one));

export const reluKernel = new ElementwiseKernel('relu', 1, ([x]) => x.max(zero));
export const reluGradientKernel = new ElementwiseKernel('relu_gradient', 2, ([dy, y]) =>
  flushedLanes(zero.where(y.le(zero), dy)),
);
export const leakyReluKernel = new ElementwiseKernel(
  'leaky_relu',
  1,
  ([x], { slope }) => x.where(x.gt(zero), x.mul(f32x4.splat(slope))),
  { slope: f32 },
);
export const leakyReluGradientKernel = new ElementwiseKernel(
  'leaky_relu_gradient',
  2,
  ([dy, x], { slope }) => flushedLanes(dy.where(x.gt(zero), dy.mul(f32x4.splat(slope)))),
  { slope: f32 },
);
export const clipKernel = new ElementwiseKernel(
  'clip',
  1,
  ([x], { least, most }) => x.max(f32x4.splat(least)).min(f32x4.splat(most)),
  { least: f32, most: f32 },
);

const sigmoidOf = (x: F32x4): F32x4 => one.div(one.add(exp(x.neg())));

export const expKernel = new ElementwiseKernel('exp', 1, ([x]) => exp(x));
export const sigmoidKernel = new ElementwiseKernel('sigmoid', 1, ([x]) => sigmoidOf(x));
export const logKernel = new ElementwiseKernel('log', 1, ([x]) => log(x));
export const tanhKernel = new ElementwiseKernel('tanh', 1, ([x]) => tanh(x));

/** x·σ(2u), which is x·(1 + tanh u)/2. */
export const geluKernel = new ElementwiseKernel('gelu', 1, ([x]) => x.mul(sigmoidOf(twiceU(x))));
export const geluGradientKernel = new ElementwiseKernel('gelu_gradient', 2, ([dy, all]) => {
  const x = f32x4.variable(all.pmin(f32x4.const(geluLimit)).pmax(f32x4.const(-geluLimit)), 'limited');
  const sigma = f32x4.variable(sigmoidOf(twiceU(x)), 'sigma');
  const slope = one.add(f32x4.const(3 * geluCubic).mul(x.mul(x))).mul(f32x4.const(2 * geluScale));
  return flushedLanes(dy.mul(sigma.addMul(x.mul(slope), sigma.mul(one.sub(sigma)))));
});

function twiceU(x: F32x4): F32x4 {
  return one.add(f32x4.const(geluCubic).mul(x.mul(x))).mul(x.mul(f32x4.const(2 * geluScale)));
}
