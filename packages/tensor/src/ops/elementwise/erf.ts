import { apply } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { erf as erfLanes } from '../../wasm/assembler.js';
import { clip } from './activation.js';
import { mul } from './binary.js';
import { elementwiseOp } from './elementwise.js';
import { erfOf, erfWgsl } from './error-function.js';
import { flushTiny } from './flush-tiny.js';
import { exp, neg, square } from './unary.js';

/**
 * Computes the error function 2/√π · ∫₀ˣ e^(−t²) dt, element by element. It rises from −1 to 1, and
 * (1 + erf(x/√2)) / 2 is the distribution function of the standard normal distribution.
 *
 * @example
 * ```ts
 * import { erf, tensor } from '@mobinet/tensor';
 *
 * const within = erf(tensor([1, 2, 3].map((sigmas) => sigmas / Math.SQRT2)));
 * console.log(`${within}`); // the shares of a normal distribution within 1, 2 and 3 standard deviations
 * // → Tensor<f32> [3]
 * // → [0.6827, 0.9545, 0.9973]
 * ```
 */
export function erf(x: Tensor): Tensor {
  return apply(erfOp, [x], undefined)[0];
}

const erfOp = elementwiseOp({
  name: 'erf',
  scalar: erfOf,
  lanes: (x) => erfLanes(x),
  wgsl: 'erf(x)',
  wgslFunctions: erfWgsl,
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x] }) => [
    () => flushTiny(mul(dy, mul(exp(neg(square(clip(x, -erfLimit, erfLimit)))), 2 / Math.sqrt(Math.PI)))),
  ],
});

/** Beyond this |x| the slope is exactly 0. Its square must not overflow, since the next derivative would be 0 · ∞. */
const erfLimit = 12;
