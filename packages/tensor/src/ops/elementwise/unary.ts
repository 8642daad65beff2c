import { zeros } from '../../create.js';
import { apply } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { exp as expLanes, f32x4, log as logLanes } from '../../wasm/assembler.js';
import { div, mul } from './binary.js';
import { greater, less } from './compare.js';
import { elementwiseOp } from './elementwise.js';
import { where } from './where.js';

/**
 * Computes −x, element by element.
 *
 * @example
 * ```ts
 * import { neg, tensor } from '@mobinet/tensor';
 *
 * console.log(`${neg(tensor([1, -2])).values}`);
 * // → -1,2
 * ```
 */
export function neg(x: Tensor): Tensor {
  return apply(negOp, [x], undefined)[0];
}

const negOp = elementwiseOp({
  name: 'neg',
  scalar: (x) => -x,
  lanes: (x) => x.neg(),
  wgsl: '-x',
  gradient: (dy) => [() => neg(dy)],
});

/**
 * Computes |x|, element by element. At 0 the derivative is 0, as in PyTorch.
 *
 * @example
 * ```ts
 * import { abs, tensor } from '@mobinet/tensor';
 *
 * console.log(`${abs(tensor([1.5, -2])).values}`);
 * // → 1.5,2
 * ```
 */
export function abs(x: Tensor): Tensor {
  return apply(absOp, [x], undefined)[0];
}

const absOp = elementwiseOp({
  name: 'abs',
  scalar: Math.abs,
  lanes: (x) => x.abs(),
  wgsl: 'abs(x)',
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x] }) => [() => where(greater(x, 0), dy, where(less(x, 0), neg(dy), 0))],
});

/**
 * Computes eˣ, element by element.
 *
 * @example
 * ```ts
 * import { exp, tensor } from '@mobinet/tensor';
 *
 * console.log(`${exp(tensor([0, 1, 100]))}`); // f32 overflows to infinity above x = 88.7
 * // → Tensor<f32> [3]
 * // → [1.0000, 2.7183,    inf]
 * ```
 */
export function exp(x: Tensor): Tensor {
  return apply(expOp, [x], undefined)[0];
}

const expOp = elementwiseOp({
  name: 'exp',
  scalar: Math.exp,
  lanes: (x) => expLanes(x),
  wgsl: 'exp(x)',
  saves: (_, outputs) => outputs,
  gradient: (dy, { saved: [y] }) => [() => mul(dy, y)],
});

/**
 * Computes the natural logarithm of x, element by element: −∞ for 0, and NaN below.
 *
 * @example
 * ```ts
 * import { log, tensor } from '@mobinet/tensor';
 *
 * console.log(`${log(tensor([1, Math.E, 0]))}`);
 * // → Tensor<f32> [3]
 * // → [0.0000, 1.0000,   -inf]
 * ```
 */
export function log(x: Tensor): Tensor {
  return apply(logOp, [x], undefined)[0];
}

const logOp = elementwiseOp({
  name: 'log',
  scalar: Math.log,
  lanes: (x) => logLanes(x),
  wgsl: 'log(x)',
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x] }) => [() => div(dy, x)],
});

/**
 * Computes √x, element by element: NaN for negative numbers.
 *
 * @example
 * ```ts
 * import { sqrt, tensor } from '@mobinet/tensor';
 *
 * console.log(`${sqrt(tensor([9, 2]))}`);
 * // → Tensor<f32> [2]
 * // → [3.0000, 1.4142]
 * ```
 */
export function sqrt(x: Tensor): Tensor {
  return apply(sqrtOp, [x], undefined)[0];
}

const sqrtOp = elementwiseOp({
  name: 'sqrt',
  scalar: Math.sqrt,
  lanes: (x) => x.sqrt(),
  wgsl: 'sqrt(x)',
  saves: (_, outputs) => outputs,
  gradient: (dy, { saved: [y] }) => [() => div(dy, mul(y, 2))],
});

/**
 * Computes x², element by element.
 *
 * @example
 * ```ts
 * import { square, tensor } from '@mobinet/tensor';
 *
 * console.log(`${square(tensor([3, -4])).values}`);
 * // → 9,16
 * ```
 */
export function square(x: Tensor): Tensor {
  return apply(squareOp, [x], undefined)[0];
}

const squareOp = elementwiseOp({
  name: 'square',
  scalar: (x) => x * x,
  lanes: (x) => x.mul(x),
  wgsl: 'x * x',
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x] }) => [() => mul(dy, mul(x, 2))],
});

/**
 * Computes −1 where x < 0, else +1, element by element: the sign function of binary networks, which has no 0 (eq. 1 of
 * the MoBiNet paper). NaN gives +1, as in `packBits`.
 *
 * The derivative is 0 wherever it exists, so nothing learns through it: `@mobinet/bnn` has signs with straight-through
 * estimators.
 *
 * @example
 * ```ts
 * import { sign, tensor } from '@mobinet/tensor';
 *
 * console.log(`${sign(tensor([-0.3, 0, 2])).values}`);
 * // → -1,1,1
 * ```
 */
export function sign(x: Tensor): Tensor {
  return apply(signOp, [x], undefined)[0];
}

const signOp = elementwiseOp({
  name: 'sign',
  scalar: (x) => (x < 0 ? -1 : 1),
  lanes: (x) => f32x4.const(-1).where(x.lt(f32x4.const(0)), f32x4.const(1)),
  wgsl: 'select(1.0, -1.0, x < 0.0)',
  gradient: (dy) => [() => zeros(dy.shape)],
});
