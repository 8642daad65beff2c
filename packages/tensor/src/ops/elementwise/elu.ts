import { checkNumber, checkOptions } from '../../check.js';
import { apply, isRecording } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { exp as expLanes, expm1, f32x4 } from '../../wasm/assembler.js';
import { flushed } from '../flush.js';
import { flushedLanes } from '../flush.wasm.js';
import { mul } from './binary.js';
import { lessEqual } from './compare.js';
import { elementwiseOp } from './elementwise.js';
import { expm1Wgsl } from './near-zero.js';
import { exp } from './unary.js';
import { where } from './where.js';

/** Options of `elu`. */
export interface EluOptions {
  /** α: the result tends to −α on the left. Any finite number. Default 1. */
  readonly alpha?: number;
}

/**
 * Computes the exponential linear unit, x where x > 0, else α·(eˣ − 1), element by element (Clevert et al., "Fast and
 * accurate deep network learning by exponential linear units", 2015). At 0 the derivative is α, as in PyTorch.
 *
 * @param x f32 of any shape.
 * @throws RangeError if α is not a finite number.
 *
 * @example
 * ```ts
 * import { elu, tensor } from '@mobinet/tensor';
 *
 * console.log(`${elu(tensor([-10, -1, 2]), { alpha: 0.5 })}`);
 * // → Tensor<f32> [3]
 * // → [-0.5000, -0.3161,  2.0000]
 * ```
 */
export function elu(x: Tensor, options: EluOptions = {}): Tensor {
  checkOptions('elu', options, ['alpha']);
  const { alpha = 1 } = options;
  checkNumber('elu: alpha', alpha, {});
  return apply(eluOp, [x], { alpha })[0];
}

const eluOp = elementwiseOp({
  name: 'elu',
  numbers: ['alpha'],
  scalar: (x, { alpha }) => (x > 0 ? x : alpha * Math.expm1(x)),
  lanes: (x, { alpha }) => x.whereTrue(x.gt(f32x4.const(0)), alpha.mul(expm1(x))),
  wgsl: 'select(p.alpha * expm1(x), x, x > 0.0)',
  wgslFunctions: expm1Wgsl,
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x], attributes: { alpha } }) => [
    () => (isRecording() ? eluGradientByOps(dy, x, alpha) : apply(eluGradientOp, [dy, x], { alpha })[0]),
  ],
});

/** dy·α·eˣ where x ≤ 0, else dy, also where x is NaN. */
const eluGradientOp = elementwiseOp({
  name: 'eluGradient',
  operands: ['dy', 'x'],
  numbers: ['alpha'],
  scalar: (dy, x, { alpha }) => flushed(x <= 0 ? dy * alpha * Math.exp(x) : dy),
  lanes: (dy, x, { alpha }) =>
    flushedLanes(
      dy
        .mul(alpha)
        .mul(expLanes(x))
        .whereTrue(x.le(f32x4.const(0)), dy),
    ),
  wgsl: 'flushed(select(dy, dy * p.alpha * exp(x), x <= 0.0))',
});

/** The same as plain ops, which can be differentiated again. */
function eluGradientByOps(dy: Tensor, x: Tensor, alpha: number): Tensor {
  const isLeft = lessEqual(x, 0);
  // An exponential on the right could overflow, and its infinity would be multiplied by a gradient of 0.
  return mul(dy, where(isLeft, mul(exp(where(isLeft, x, 0)), alpha), 1));
}
