import { apply } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { expm1 as expm1Lanes, log1p as log1pLanes } from '../../wasm/assembler.js';
import { add, div, mul } from './binary.js';
import { elementwiseOp } from './elementwise.js';

// WGSL has neither of these functions. Near 0 their series do, and elsewhere the formulas, which only cancel near 0.

/**
 * Computes ln(1 + x), element by element, also for x so small that 1 + x would lose its digits: −∞ for −1, and NaN
 * below.
 *
 * @example
 * ```ts
 * import { add, log, log1p, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([1e-9]);
 * console.log(log1p(x).values[0] === x.values[0], log(add(x, 1)).values[0]);
 * // → true 0
 * ```
 */
export function log1p(x: Tensor): Tensor {
  return apply(log1pOp, [x], undefined)[0];
}

/** log1p in WGSL, for `wgslFunctions`. */
export const log1pWgsl = `fn log1p(x: f32) -> f32 {
  return select(log(1.0 + x), x * (1.0 - x * (0.5 - x * (1.0 / 3.0 - x * 0.25))), abs(x) < 0.02);
}`;

const log1pOp = elementwiseOp({
  name: 'log1p',
  scalar: Math.log1p,
  lanes: (x) => log1pLanes(x),
  wgsl: 'log1p(x)',
  wgslFunctions: log1pWgsl,
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x] }) => [() => div(dy, add(x, 1))],
});

/**
 * Computes eˣ − 1, element by element, also for x so small that the difference would lose its digits.
 *
 * @example
 * ```ts
 * import { exp, expm1, sub, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([1e-9]);
 * console.log(expm1(x).values[0] === x.values[0], sub(exp(x), 1).values[0]);
 * // → true 0
 * ```
 */
export function expm1(x: Tensor): Tensor {
  return apply(expm1Op, [x], undefined)[0];
}

/** expm1 in WGSL, for `wgslFunctions`. */
export const expm1Wgsl = `fn expm1(x: f32) -> f32 {
  return select(exp(x) - 1.0, x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x / 24.0))), abs(x) < 0.02);
}`;

const expm1Op = elementwiseOp({
  name: 'expm1',
  scalar: Math.expm1,
  lanes: (x) => expm1Lanes(x),
  wgsl: 'expm1(x)',
  wgslFunctions: expm1Wgsl,
  saves: (_, outputs) => outputs,
  gradient: (dy, { saved: [y] }) => [() => mul(dy, add(y, 1))],
});
