import { checkNumber, checkOptions } from '../../check.js';
import { apply, isRecording } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { f32x4, limitedExp, log1pOfFraction } from '../../wasm/assembler.js';
import { flushed } from '../flush.js';
import { flushedLanes } from '../flush.wasm.js';
import { sigmoid, sigmoidLanes } from './activation.js';
import { mul } from './binary.js';
import { greater } from './compare.js';
import { elementwiseOp } from './elementwise.js';
import { log1pWgsl } from './near-zero.js';
import { where } from './where.js';

/** Options of `softplus`. */
export interface SoftplusOptions {
  /** β, above 0. The larger it is, the closer is the function to max(x, 0). Default 1. */
  readonly beta?: number;
  /** Where βx is above this number, the result is x itself. Default 20. */
  readonly threshold?: number;
}

/**
 * Computes ln(1 + e^(βx)) / β, a smooth max(x, 0), element by element.
 *
 * @param x f32 of any shape.
 * @throws RangeError unless β is a number above 0 and the threshold a finite number. PyTorch also takes a negative β.
 *
 * @example
 * ```ts
 * import { softplus, tensor } from '@mobinet/tensor';
 *
 * console.log(`${softplus(tensor([-1, 0, 100]))}`);
 * // → Tensor<f32> [3]
 * // → [  0.3133,   0.6931, 100.0000]
 * console.log(softplus(tensor([0]), { beta: 10 }).values[0].toFixed(4));
 * // → 0.0693
 * ```
 */
export function softplus(x: Tensor, options: SoftplusOptions = {}): Tensor {
  checkOptions('softplus', options, ['beta', 'threshold']);
  const { beta = 1, threshold = 20 } = options;
  checkNumber('softplus: beta', beta, { above: 0 });
  checkNumber('softplus: threshold', threshold, {});
  return apply(softplusOp, [x], { beta, threshold })[0];
}

// ln(1 + eᶻ) = max(z, 0) + ln(1 + e^−|z|), whose exponential cannot overflow.
const softplusOp = elementwiseOp({
  name: 'softplus',
  numbers: ['beta', 'threshold'],
  scalar(x, { beta, threshold }) {
    const z = beta * x;
    return z > threshold ? x : (Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)))) / beta;
  },
  lanes(x, { beta, threshold }) {
    const z = f32x4.variable(x.mul(beta), 'z');
    // −|z|: the sign bit is set.
    const negative = z.or(f32x4.const(-0)).pmax(f32x4.const(-88));
    const smooth = z.pmax(f32x4.const(0)).add(log1pOfFraction(f32x4.variable(limitedExp(negative), 'fraction')));
    return x.whereTrue(z.gt(threshold), smooth.div(beta));
  },
  wgsl: 'select((max(p.beta * x, 0.0) + log1p(exp(-abs(p.beta * x)))) / p.beta, x, p.beta * x > p.threshold)',
  wgslFunctions: log1pWgsl,
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x], attributes }) => [
    () =>
      isRecording() ? softplusGradientByOps(dy, x, attributes) : apply(softplusGradientOp, [dy, x], attributes)[0],
  ],
});

/** dy·σ(βx), or dy above the threshold. */
const softplusGradientOp = elementwiseOp({
  name: 'softplusGradient',
  operands: ['dy', 'x'],
  numbers: ['beta', 'threshold'],
  scalar(dy, x, { beta, threshold }) {
    const z = beta * x;
    return flushed(z > threshold ? dy : dy / (1 + Math.exp(-z)));
  },
  lanes(dy, x, { beta, threshold }) {
    const z = f32x4.variable(x.mul(beta), 'z');
    return flushedLanes(dy.whereTrue(z.gt(threshold), dy.mul(sigmoidLanes(z))));
  },
  wgsl: 'flushed(select(dy / (1.0 + exp(-p.beta * x)), dy, p.beta * x > p.threshold))',
});

/** The same as plain ops, which can be differentiated again. */
function softplusGradientByOps(
  dy: Tensor,
  x: Tensor,
  { beta, threshold }: { readonly beta: number; readonly threshold: number },
): Tensor {
  const z = mul(x, beta);
  return mul(dy, where(greater(z, threshold), 1, sigmoid(z)));
}
