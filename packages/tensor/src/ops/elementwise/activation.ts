import { checkElement, checkNumber } from '../../check.js';
import { apply, isRecording } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { type F32x4, f32x4, limitedExp, tanh as tanhLanes } from '../../wasm/assembler.js';
import { flushed } from '../flush.js';
import { flushedLanes } from '../flush.wasm.js';
import { mul, sub } from './binary.js';
import { elementwiseOp } from './elementwise.js';
import { flushTiny } from './flush-tiny.js';

// The gradients of these activations, except `clip`, flush tiny values to 0: see flush.ts.

/**
 * Computes 1 / (1 + e⁻ˣ), the logistic function, element by element.
 *
 * @example
 * ```ts
 * import { sigmoid, tensor } from '@mobinet/tensor';
 *
 * console.log(`${sigmoid(tensor([-4, 0, 4]))}`);
 * // → Tensor<f32> [3]
 * // → [0.0180, 0.5000, 0.9820]
 * ```
 */
export function sigmoid(x: Tensor): Tensor {
  return apply(sigmoidOp, [x], undefined)[0];
}

const sigmoidOp = elementwiseOp({
  name: 'sigmoid',
  scalar: (x) => 1 / (1 + Math.exp(-x)),
  lanes: (x) => sigmoidLanes(x),
  wgsl: '1.0 / (1.0 + exp(-x))',
  saves: (_, outputs) => outputs,
  gradient: (dy, { saved: [y] }) => [
    () => (isRecording() ? flushTiny(mul(dy, mul(y, sub(1, y)))) : apply(sigmoidGradientOp, [dy, y], undefined)[0]),
  ],
});

/** ∂L/∂x of `sigmoid` from ∂L/∂y and y. */
const sigmoidGradientOp = elementwiseOp({
  name: 'sigmoidGradient',
  operands: ['dy', 'y'],
  scalar: (dy, y) => flushed(dy * y * (1 - y)),
  lanes: (dy, y) => flushedLanes(dy.mul(y.mul(f32x4.const(1).sub(y)))),
  wgsl: 'flushed(dy * (y * (1.0 - y)))',
});

/** The logistic function, lane by lane. */
export function sigmoidLanes(x: F32x4): F32x4 {
  return f32x4.const(1).div(onePlusExpOfNegative(x));
}

/** 1 + e⁻ˣ, lane by lane: ∞ below about −88.4, where the logistic function would be denormal. */
export function onePlusExpOfNegative(x: F32x4): F32x4 {
  const limited = x.pmin(f32x4.const(88)).pmax(f32x4.const(-88.7));
  return f32x4.const(1).add(limitedExp(f32x4.const(0).sub(limited)));
}

/**
 * Computes the hyperbolic tangent of x, element by element.
 *
 * @example
 * ```ts
 * import { tanh, tensor } from '@mobinet/tensor';
 *
 * console.log(`${tanh(tensor([-1, 0, 20]))}`);
 * // → Tensor<f32> [3]
 * // → [-0.7616,  0.0000,  1.0000]
 * ```
 */
export function tanh(x: Tensor): Tensor {
  return apply(tanhOp, [x], undefined)[0];
}

const tanhOp = elementwiseOp({
  name: 'tanh',
  scalar: Math.tanh,
  lanes: (x) => tanhLanes(x),
  // tanh may return NaN for large numbers in WGSL.
  wgsl: 'tanh(clamp(x, -15.0, 15.0))',
  saves: (_, outputs) => outputs,
  gradient: (dy, { saved: [y] }) => [
    () => (isRecording() ? flushTiny(mul(dy, sub(1, mul(y, y)))) : apply(tanhGradientOp, [dy, y], undefined)[0]),
  ],
});

/** ∂L/∂x of `tanh` from ∂L/∂y and y. */
const tanhGradientOp = elementwiseOp({
  name: 'tanhGradient',
  operands: ['dy', 'y'],
  scalar: (dy, y) => flushed(dy * (1 - y * y)),
  lanes: (dy, y) => flushedLanes(dy.mul(f32x4.const(1).sub(y.mul(y)))),
  wgsl: 'flushed(dy * (1.0 - y * y))',
});

/**
 * Computes max(x, 0), element by element. At 0 the derivative is 0.
 *
 * @example
 * ```ts
 * import { relu, tensor } from '@mobinet/tensor';
 *
 * console.log(`${relu(tensor([-1, 0, 2])).values}`);
 * // → 0,0,2
 * ```
 */
export function relu(x: Tensor): Tensor {
  return apply(reluOp, [x], undefined)[0];
}

const reluOp = elementwiseOp({
  name: 'relu',
  scalar: (x) => Math.max(x, 0),
  // NaN is not less than 0, and −0 becomes 0.
  lanes: (x) => x.andNot(x.le(f32x4.const(0))),
  wgsl: 'max(x, 0.0)',
  saves: (_, outputs) => outputs,
  gradient: (dy, { saved: [y] }) => [() => reluGradient(dy, y)],
});

/** ∂L/∂x of `relu` from ∂L/∂y and y, which is positive where x is. */
function reluGradient(dy: Tensor, y: Tensor): Tensor {
  return apply(reluGradientOp, [dy, y], undefined)[0];
}

const reluGradientOp = elementwiseOp({
  name: 'reluGradient',
  operands: ['dy', 'y'],
  scalar: (dy, y) => (y <= 0 ? 0 : flushed(dy)),
  lanes: (dy, y) => flushedLanes(dy.andNot(y.le(f32x4.const(0)))),
  wgsl: 'flushed(select(0.0, dy, y > 0.0))',
  saves: ([, y]) => [y],
  gradient: (ddx, { saved: [y] }) => [() => reluGradient(ddx, y), null],
});

/**
 * Computes x where x > 0, else slope · x, element by element. At 0 the derivative is the slope, as in PyTorch.
 *
 * @param x f32 of any shape.
 * @param slope Any finite number. Default 0.01.
 * @throws RangeError if the slope is not a finite number.
 *
 * @example
 * ```ts
 * import { leakyRelu, tensor } from '@mobinet/tensor';
 *
 * console.log(`${leakyRelu(tensor([-8, 8]), 0.25).values}`);
 * // → -2,8
 * ```
 */
export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  checkNumber('leakyRelu: slope', slope, {});
  return apply(leakyReluOp, [x], { slope })[0];
}

const leakyReluOp = elementwiseOp({
  name: 'leakyRelu',
  numbers: ['slope'],
  scalar: (x, { slope }) => (x > 0 ? x : slope * x),
  lanes: (x, { slope }) => x.where(x.gt(f32x4.const(0)), x.mul(slope)),
  wgsl: 'select(x * p.slope, x, x > 0.0)',
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x], attributes: { slope } }) => [() => leakyReluGradient(dy, x, slope)],
});

function leakyReluGradient(dy: Tensor, x: Tensor, slope: number): Tensor {
  return apply(leakyReluGradientOp, [dy, x], { slope })[0];
}

const leakyReluGradientOp = elementwiseOp({
  name: 'leakyReluGradient',
  operands: ['dy', 'x'],
  numbers: ['slope'],
  scalar: (dy, x, { slope }) => flushed(x > 0 ? dy : slope * dy),
  lanes: (dy, x, { slope }) => flushedLanes(dy.where(x.gt(f32x4.const(0)), dy.mul(slope))),
  wgsl: 'flushed(select(dy * p.slope, dy, x > 0.0))',
  saves: ([, x]) => [x],
  gradient: (ddx, { saved: [x], attributes: { slope } }) => [() => leakyReluGradient(ddx, x, slope), null],
});

/**
 * Clamps x to the range from `min` to `max`, element by element: NaN stays NaN. Only elements between the bounds receive
 * a gradient, and none at a bound, as in PyTorch 2.15. `clamp`, PyTorch's name, is the same function.
 *
 * @param x f32 of any shape.
 * @param min Default: −∞, no lower bound.
 * @param max Default: ∞, no upper bound.
 * @throws RangeError unless `min` ≤ `max`. PyTorch and NumPy return `max` instead.
 *
 * @example
 * ```ts
 * import { clip, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([-3, 0.5, 2]);
 * console.log(`${clip(x, -1, 1).values}; ${clip(x, -1).values}; ${clip(x, undefined, 1).values}`);
 * // → -1,0.5,1; -1,0.5,2; -3,0.5,1
 * ```
 */
export function clip(x: Tensor, min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY): Tensor {
  checkElement('clip: min', min);
  checkElement('clip: max', max);
  if (!(min <= max)) throw new RangeError(`clip: min ${min} is above max ${max}`);
  return apply(clipOp, [x], { min, max })[0];
}

const clipOp = elementwiseOp({
  name: 'clip',
  numbers: ['min', 'max'],
  scalar: (x, { min, max }) => (x < min ? min : x > max ? max : x),
  // NaN is neither below nor above.
  lanes: (x, { min, max }) => x.pmax(min).pmin(max),
  wgsl: 'min(max(x, p.min), p.max)',
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x], attributes }) => [() => clipGradient(dy, x, attributes)],
});

function clipGradient(dy: Tensor, x: Tensor, bounds: { readonly min: number; readonly max: number }): Tensor {
  return apply(clipGradientOp, [dy, x], bounds)[0];
}

const clipGradientOp = elementwiseOp({
  name: 'clipGradient',
  operands: ['dy', 'x'],
  numbers: ['min', 'max'],
  scalar: (dy, x, { min, max }) => (x > min && x < max ? dy : 0),
  lanes: (dy, x, { min, max }) => dy.and(x.gt(min).and(x.lt(max))),
  wgsl: 'select(0.0, dy, x > p.min && x < p.max)',
  saves: ([, x]) => [x],
  gradient: (ddx, { saved: [x], attributes }) => [() => clipGradient(ddx, x, attributes), null],
});
