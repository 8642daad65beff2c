import { apply, isRecording } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { f32x4 } from '../../wasm/assembler.js';
import { flushed } from '../flush.js';
import { flushedLanes } from '../flush.wasm.js';
import { onePlusExpOfNegative, sigmoid, sigmoidLanes } from './activation.js';
import { add, mul, sub } from './binary.js';
import { elementwiseOp } from './elementwise.js';

/**
 * Computes the sigmoid linear unit x·σ(x) = x / (1 + e⁻ˣ), element by element, which is also called swish.
 *
 * @example
 * ```ts
 * import { silu, tensor } from '@mobinet/tensor';
 *
 * console.log(`${silu(tensor([-10, -1, 0, 1, 10]))}`);
 * // → Tensor<f32> [5]
 * // → [-0.0005, -0.2689,  0.0000,  0.7311,  9.9995]
 * ```
 */
export function silu(x: Tensor): Tensor {
  return apply(siluOp, [x], undefined)[0];
}

const siluOp = elementwiseOp({
  name: 'silu',
  scalar: (x) => x / (1 + Math.exp(-x)),
  lanes: (x) => x.div(onePlusExpOfNegative(x)),
  wgsl: 'x / (1.0 + exp(-x))',
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x] }) => [
    () => (isRecording() ? siluGradientByOps(dy, x) : apply(siluGradientOp, [dy, x], undefined)[0]),
  ],
});

/** d/dx x·σ(x) = σ + x·σ·(1 − σ). */
const siluGradientOp = elementwiseOp({
  name: 'siluGradient',
  operands: ['dy', 'x'],
  scalar(dy, x) {
    const sigma = 1 / (1 + Math.exp(-x));
    return flushed(dy * sigma * (1 + x * (1 - sigma)));
  },
  lanes(dy, x) {
    const one = f32x4.const(1);
    const sigma = f32x4.variable(sigmoidLanes(x), 'sigma');
    return flushedLanes(dy.mul(sigma).mul(one.addMul(x, one.sub(sigma))));
  },
  wgsl: 'flushed(dy * (1.0 / (1.0 + exp(-x))) * (1.0 + x * (1.0 - 1.0 / (1.0 + exp(-x)))))',
});

/** The same as plain ops, which can be differentiated again. */
function siluGradientByOps(dy: Tensor, x: Tensor): Tensor {
  const sigma = sigmoid(x);
  return mul(mul(dy, sigma), add(mul(x, sub(1, sigma)), 1));
}
