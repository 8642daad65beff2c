import { checkNumber } from '../../check.js';
import { apply, isRecording } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { exp, type F32x4, f32x4, tanh as tanhLanes } from '../../wasm/assembler.js';
import { flushed } from '../flush.js';
import { flushedLanes } from '../flush.wasm.js';
import { add, mul, sub } from './binary.js';
import { equal } from './compare.js';
import { elementwiseOp } from './elementwise.js';
import { flushTiny } from './flush-tiny.js';
import { square } from './unary.js';
import { where } from './where.js';

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

function sigmoidLanes(x: F32x4): F32x4 {
  const one = f32x4.const(1);
  return one.div(one.add(exp(x.neg())));
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
 * Computes the Gaussian error linear unit x·Φ(x), element by element, with the normal distribution function Φ in the
 * form
 *
 *     Φ(x) ≈ (1 + tanh u(x)) / 2,   u(x) = √(2/π) · (x + 0.044715 x³)
 *
 * of Hendrycks and Gimpel, "Gaussian error linear units" (2016). It differs from the exact function by less than 1e-3.
 *
 * @example
 * ```ts
 * import { gelu, tensor } from '@mobinet/tensor';
 *
 * console.log(`${gelu(tensor([-3, -1, 0, 1, 3]))}`); // tends to 0 on the left, and to x on the right
 * // → Tensor<f32> [5]
 * // → [-0.0036, -0.1588,  0.0000,  0.8412,  2.9964]
 * ```
 */
export function gelu(x: Tensor): Tensor {
  return apply(geluOp, [x], undefined)[0];
}

const geluScale = Math.sqrt(2 / Math.PI);
const geluCubic = 0.044715;
/** Beyond this |x| the slope is exactly 0 or 1. The gradient clamps x to it, so that powers of x do not overflow. */
const geluLimit = 20;

// The kernels use σ(2u) = (1 + tanh u) / 2. In WGSL, tanh may overflow.
const geluOp = elementwiseOp({
  name: 'gelu',
  scalar: (x) => 0.5 * x * (1 + Math.tanh(geluScale * x * (1 + geluCubic * x * x))),
  lanes: (x) => x.mul(sigmoidLanes(twiceU(x))),
  wgsl: `x * ${sigmaWgsl('x')}`,
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x] }) => [
    () => (isRecording() ? geluGradientByOps(dy, x) : apply(geluGradientOp, [dy, x], undefined)[0]),
  ],
});

const clamped = `clamp(x, -${geluLimit}.0, ${geluLimit}.0)`;
const sigma = sigmaWgsl(clamped);

/** d/dx ½x(1 + tanh u) = ½(1 + tanh u) + ½x(1 − tanh² u) · u′. */
const geluGradientOp = elementwiseOp({
  name: 'geluGradient',
  operands: ['dy', 'x'],
  scalar(dy, x) {
    const z = Math.max(-geluLimit, Math.min(x, geluLimit));
    const t = Math.tanh(geluScale * z * (1 + geluCubic * z * z));
    const slope = geluScale * (1 + 3 * geluCubic * z * z);
    return flushed(0.5 * dy * (1 + t + z * (1 - t * t) * slope));
  },
  lanes(dy, x) {
    const one = f32x4.const(1);
    const z = f32x4.variable(x.pmin(f32x4.const(geluLimit)).pmax(f32x4.const(-geluLimit)), 'clamped');
    const sigma = f32x4.variable(sigmoidLanes(twiceU(z)), 'sigma');
    const slope = one.add(f32x4.const(3 * geluCubic).mul(z.mul(z))).mul(f32x4.const(2 * geluScale));
    return flushedLanes(dy.mul(sigma.addMul(z.mul(slope), sigma.mul(one.sub(sigma)))));
  },
  wgsl:
    `flushed(dy * (${sigma} + ${clamped} * ${sigma} * (1.0 - ${sigma})` +
    ` * ${2 * geluScale} * (1.0 + ${3 * geluCubic} * ${clamped} * ${clamped})))`,
});

function twiceU(x: F32x4): F32x4 {
  const one = f32x4.const(1);
  return one.add(f32x4.const(geluCubic).mul(x.mul(x))).mul(x.mul(f32x4.const(2 * geluScale)));
}

/** σ(2u) in WGSL. */
/* @__NO_SIDE_EFFECTS__ */
function sigmaWgsl(x: string): string {
  return `(1.0 / (1.0 + exp(${-2 * geluScale} * ${x} * (1.0 + ${geluCubic} * ${x} * ${x}))))`;
}

/** The gradient of `gelu` as plain ops, which can be differentiated again. */
function geluGradientByOps(dy: Tensor, x: Tensor): Tensor {
  const cubic = mul(square(x), geluCubic);
  const t = tanh(mul(mul(x, geluScale), add(cubic, 1)));
  const slope = mul(add(mul(cubic, 3), 1), geluScale);
  return mul(mul(dy, 0.5), add(add(t, 1), mul(mul(x, sub(1, square(t))), slope)));
}

/**
 * Clamps x to the range from `min` to `max`, element by element. Elements outside it receive no gradient.
 *
 * @throws RangeError unless `min` ≤ `max`.
 *
 * @example
 * ```ts
 * import { clip, tensor } from '@mobinet/tensor';
 *
 * console.log(`${clip(tensor([-3, 0.5, 2]), -1, 1).values}`);
 * // → -1,0.5,1
 * ```
 */
export function clip(x: Tensor, min: number, max: number): Tensor {
  if (!(min <= max)) throw new RangeError(`clip: min ${min} is above max ${max}`);
  return apply(clipOp, [x], { min, max })[0];
}

const clipOp = elementwiseOp({
  name: 'clip',
  numbers: ['min', 'max'],
  scalar: (x, { min, max }) => Math.min(Math.max(x, min), max),
  lanes: (x, { min, max }) => x.max(min).min(max),
  wgsl: 'min(max(x, p.min), p.max)',
  saves: ([x], [y]) => [x, y],
  gradient: (dy, { saved: [x, y] }) => [() => where(equal(x, y), dy, 0)],
});
