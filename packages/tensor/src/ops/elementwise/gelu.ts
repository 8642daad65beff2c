import { checkChoice, checkOptions, checkTensor } from '../../check.js';
import { apply, isRecording } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { type F32x4, f32x4, normalDistribution } from '../../wasm/assembler.js';
import { flushed } from '../flush.js';
import { flushedLanes } from '../flush.wasm.js';
import { clip, sigmoid, sigmoidLanes } from './activation.js';
import { add, mul, sub } from './binary.js';
import { elementwiseOp } from './elementwise.js';
import { erf } from './erf.js';
import { normalCdf, normalDensity, normalWgsl } from './error-function.js';
import { isFinite as isFiniteNumber } from './predicates.js';
import { exp, square } from './unary.js';
import { where } from './where.js';

/** Options of `gelu`. */
export interface GeluOptions {
  /** `'none'`: with the exact Φ. `'tanh'`: with its approximation by a hyperbolic tangent. Default `'none'`. */
  readonly approximate?: 'none' | 'tanh';
}

/**
 * Computes the Gaussian error linear unit x·Φ(x), element by element, with the distribution function of the standard
 * normal distribution, Φ(x) = (1 + erf(x/√2)) / 2. With `approximate: 'tanh'`, Φ has the form
 *
 *     Φ(x) ≈ (1 + tanh u(x)) / 2,   u(x) = √(2/π) · (x + 0.044715 x³)
 *
 * which differs from the exact function by less than 1e-3. Both are of Hendrycks and Gimpel, "Gaussian error linear
 * units" (2016). The default is PyTorch's, `'none'`.
 *
 * @param x f32 of any shape.
 * @throws RangeError for another `approximate`.
 *
 * @example
 * ```ts
 * import { gelu, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([-3, -1, 0, 1, 3]); // gelu tends to 0 on the left, and to x on the right
 * console.log(`${gelu(x)}\n${gelu(x, { approximate: 'tanh' })}`);
 * // → Tensor<f32> [5]
 * // → [-0.0040, -0.1587,  0.0000,  0.8413,  2.9960]
 * // → Tensor<f32> [5]
 * // → [-0.0036, -0.1588,  0.0000,  0.8412,  2.9964]
 * ```
 */
export function gelu(x: Tensor, options: GeluOptions = {}): Tensor {
  checkOptions('gelu', options, ['approximate']);
  checkTensor('gelu', x, 'x', ['f32']);
  const { approximate = 'none' } = options;
  checkChoice('gelu: approximate', approximate, ['none', 'tanh']);
  return apply(approximate === 'none' ? geluOp : geluTanhOp, [x], undefined)[0];
}

/** Beyond this |x| the slope is exactly 0 or 1. Gradients clamp x to it, so that powers of x do not overflow. */
const geluLimit = 20;

const geluOp = elementwiseOp({
  name: 'gelu',
  scalar: (x) => x * normalCdf(x),
  lanes: (x) => x.mul(normalDistribution(x).below),
  wgsl: 'x * normalCdf(x)',
  wgslFunctions: normalWgsl,
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x] }) => [
    () => (isRecording() ? geluGradientByOps(dy, x) : apply(geluGradientOp, [dy, x], undefined)[0]),
  ],
});

/** d/dx x·Φ(x) = Φ(x) + x·φ(x). */
const geluGradientOp = elementwiseOp({
  name: 'geluGradient',
  operands: ['dy', 'x'],
  scalar: (dy, x) => flushed(dy * (normalCdf(x) + x * normalDensity(x))),
  lanes(dy, x) {
    const { below, density } = normalDistribution(x);
    return flushedLanes(dy.mul(below.addMul(x, density)));
  },
  wgsl: 'flushed(dy * (normalCdf(x) + x * normalDensity(x)))',
  wgslFunctions: normalWgsl,
});

/** The same as plain ops, which can be differentiated again. */
function geluGradientByOps(dy: Tensor, x: Tensor): Tensor {
  const below = mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5);
  // At ±∞, ∞ · 0 is NaN, as in the kernel and in PyTorch.
  const z = where(isFiniteNumber(x), clip(x, -geluLimit, geluLimit), x);
  const density = mul(exp(mul(square(z), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return mul(dy, add(below, mul(z, density)));
}

const geluScale = Math.sqrt(2 / Math.PI);
const geluCubic = 0.044715;

// Kernels and plain ops use σ(2u) = (1 + tanh u) / 2, whose digits do not cancel. In WGSL, tanh may overflow, too.
const geluTanhOp = elementwiseOp({
  name: 'geluTanh',
  scalar: (x) => 0.5 * x * (1 + Math.tanh(geluScale * x * (1 + geluCubic * x * x))),
  lanes: (x) => x.mul(sigmoidLanes(twiceU(x))),
  wgsl: `x * ${sigmaWgsl('x')}`,
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x] }) => [
    () => (isRecording() ? geluTanhGradientByOps(dy, x) : apply(geluTanhGradientOp, [dy, x], undefined)[0]),
  ],
});

const clamped = `clamp(x, -${geluLimit}.0, ${geluLimit}.0)`;
const sigma = sigmaWgsl(clamped);

/** d/dx ½x(1 + tanh u) = ½(1 + tanh u) + ½x(1 − tanh² u) · u′. */
const geluTanhGradientOp = elementwiseOp({
  name: 'geluTanhGradient',
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

/** The gradient of `geluTanhOp` as plain ops, which can be differentiated again. */
function geluTanhGradientByOps(dy: Tensor, x: Tensor): Tensor {
  const z = clip(x, -geluLimit, geluLimit);
  const cubic = mul(square(z), geluCubic);
  const sigma = sigmoid(mul(mul(z, 2 * geluScale), add(cubic, 1)));
  const slope = mul(add(mul(cubic, 3), 1), 2 * geluScale);
  return mul(mul(dy, sigma), add(mul(mul(z, sub(1, sigma)), slope), 1));
}
