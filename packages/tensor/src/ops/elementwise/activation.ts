import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp, isRecording } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { flushed } from '../flush.js';
import { add, mul, sub } from './binary.js';
import { equal } from './compare.js';
import { flushTiny } from './flush-tiny.js';
import { sameShapeAsInput, square, unaryOp } from './unary.js';
import {
  clipKernel,
  geluCubic,
  geluGradientKernel,
  geluKernel,
  geluLimit,
  geluScale,
  leakyReluGradientKernel,
  leakyReluKernel,
  reluGradientKernel,
  reluKernel,
  sigmoidKernel,
  tanhKernel,
} from './unary.wasm.js';
import { where } from './where.js';

// Gradients that an activation passes on are flushed to 0 where they are tiny: see flush.ts.

/** 1 / (1 + e⁻ˣ). */
export function sigmoid(x: Tensor): Tensor {
  return apply(sigmoidOp, [x], undefined)[0];
}

const sigmoidOp = unaryOp<[Tensor]>({
  name: 'sigmoid',
  formula: (x) => 1 / (1 + Math.exp(-x)),
  kernel: sigmoidKernel,
  saves: (_, outputs) => outputs,
  gradient: (dy, { saved: [y] }) => [() => flushTiny(mul(dy, mul(y, sub(1, y))))],
});

/** The hyperbolic tangent. */
export function tanh(x: Tensor): Tensor {
  return apply(tanhOp, [x], undefined)[0];
}

const tanhOp = unaryOp<[Tensor]>({
  name: 'tanh',
  formula: Math.tanh,
  kernel: tanhKernel,
  saves: (_, outputs) => outputs,
  gradient: (dy, { saved: [y] }) => [() => flushTiny(mul(dy, sub(1, mul(y, y))))],
});

/** max(x, 0). At 0 the derivative is 0. */
export function relu(x: Tensor): Tensor {
  return apply(reluOp, [x], undefined)[0];
}

const reluOp = unaryOp<[Tensor]>({
  name: 'relu',
  formula: (x) => Math.max(x, 0),
  kernel: reluKernel,
  saves: (_, outputs) => outputs,
  gradient: (dy, { saved: [y] }) => [() => reluGradient(dy, y)],
});

/** ∂L/∂x of `relu` from ∂L/∂y and y, which is above 0 where x is. */
function reluGradient(dy: Tensor, y: Tensor): Tensor {
  return apply(reluGradientOp, [dy, y], undefined)[0];
}

const reluGradientOp = defineOp<[Tensor, Tensor], [Tensor], undefined, [Tensor]>({
  name: 'reluGradient',
  outputs: sameShapeAsInput,
  reference([{ values: dy }, { values: y }], [{ values: dx }]) {
    for (let i = 0; i < dx.length; i++) dx[i] = y[i] <= 0 ? 0 : flushed(dy[i]);
  },
  fast: ([dy, y], [dx]) => reluGradientKernel.run([dy, y], dx),
  webgpu: ([dy, y], [dx]) => gpuKernels().unaryShaders.reluGradient.run([dy, y], dx, {}),
  saves: ([, y]) => [y],
  gradient: (ddx, { saved: [y] }) => [() => reluGradient(ddx, y), null],
});

/** x where x > 0, else slope · x. At 0 the derivative is the slope, as in PyTorch. */
export function leakyRelu(x: Tensor, slope = 0.01): Tensor {
  return apply(leakyReluOp, [x], { slope })[0];
}

const leakyReluOp = defineOp<[Tensor], [Tensor], { slope: number }, [Tensor]>({
  name: 'leakyRelu',
  outputs: sameShapeAsInput,
  reference([{ values: x }], [{ values: y }], { slope }) {
    for (let i = 0; i < x.length; i++) y[i] = x[i] > 0 ? x[i] : slope * x[i];
  },
  fast: ([x], [y], { slope }) => leakyReluKernel.run([x], y, { slope }),
  webgpu: ([x], [y], { slope }) => gpuKernels().unaryShaders.leakyRelu.run([x], y, { slope }),
  inPlace: true,
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x], attributes: { slope } }) => [() => leakyReluGradient(dy, x, slope)],
});

function leakyReluGradient(dy: Tensor, x: Tensor, slope: number): Tensor {
  return apply(leakyReluGradientOp, [dy, x], { slope })[0];
}

const leakyReluGradientOp = defineOp<[Tensor, Tensor], [Tensor], { slope: number }, [Tensor]>({
  name: 'leakyReluGradient',
  outputs: sameShapeAsInput,
  reference([{ values: dy }, { values: x }], [{ values: dx }], { slope }) {
    for (let i = 0; i < dx.length; i++) dx[i] = flushed(x[i] > 0 ? dy[i] : slope * dy[i]);
  },
  fast: ([dy, x], [dx], { slope }) => leakyReluGradientKernel.run([dy, x], dx, { slope }),
  webgpu: ([dy, x], [dx], { slope }) => gpuKernels().unaryShaders.leakyReluGradient.run([dy, x], dx, { slope }),
  saves: ([, x]) => [x],
  gradient: (ddx, { saved: [x], attributes: { slope } }) => [() => leakyReluGradient(ddx, x, slope), null],
});

/**
 * The Gaussian error linear unit x·Φ(x), with Φ, the normal distribution function, in the form
 *
 *     Φ(x) ≈ (1 + tanh u(x)) / 2,   u(x) = √(2/π) · (x + 0.044715 x³)
 *
 * of Hendrycks and Gimpel, "Gaussian error linear units" (2016). It differs from the exact one by less than 1e-3.
 */
export function gelu(x: Tensor): Tensor {
  return apply(geluOp, [x], undefined)[0];
}

const geluOp = unaryOp<[Tensor]>({
  name: 'gelu',
  formula: (x) => 0.5 * x * (1 + Math.tanh(geluScale * x * (1 + geluCubic * x * x))),
  kernel: geluKernel,
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x] }) => [
    () => (isRecording() ? geluGradientByOps(dy, x) : apply(geluGradientOp, [dy, x], undefined)[0]),
  ],
});

/** d/dx ½x(1 + tanh u) = ½(1 + tanh u) + ½x(1 − tanh² u) · u′. */
const geluGradientOp = defineOp<[Tensor, Tensor], [Tensor]>({
  name: 'geluGradient',
  outputs: sameShapeAsInput,
  reference([{ values: dy }, { values: x }], [{ values: dx }]) {
    for (let i = 0; i < dx.length; i++) {
      const z = Math.max(-geluLimit, Math.min(x[i], geluLimit));
      const t = Math.tanh(geluScale * z * (1 + geluCubic * z * z));
      const slope = geluScale * (1 + 3 * geluCubic * z * z);
      dx[i] = flushed(0.5 * dy[i] * (1 + t + z * (1 - t * t) * slope));
    }
  },
  fast: ([dy, x], [dx]) => geluGradientKernel.run([dy, x], dx),
  webgpu: ([dy, x], [dx]) => gpuKernels().unaryShaders.geluGradient.run([dy, x], dx, {}),
});

/** The same, so that it can be differentiated again. */
function geluGradientByOps(dy: Tensor, x: Tensor): Tensor {
  const cubic = mul(square(x), geluCubic);
  const t = tanh(mul(mul(x, geluScale), add(cubic, 1)));
  const slope = mul(add(mul(cubic, 3), 1), geluScale);
  return mul(mul(dy, 0.5), add(add(t, 1), mul(mul(x, sub(1, square(t))), slope)));
}

/** x, but at least `min` and at most `max`. Nothing flows back from elements outside of them. */
export function clip(x: Tensor, min: number, max: number): Tensor {
  if (!(min <= max)) throw new RangeError(`clip: min ${min} is above max ${max}`);
  return apply(clipOp, [x], { min, max })[0];
}

const clipOp = defineOp<[Tensor], [Tensor], { min: number; max: number }, [Tensor, Tensor]>({
  name: 'clip',
  outputs: sameShapeAsInput,
  reference([{ values: x }], [{ values: y }], { min, max }) {
    for (let i = 0; i < x.length; i++) y[i] = Math.min(Math.max(x[i], min), max);
  },
  fast: ([x], [y], { min, max }) => clipKernel.run([x], y, { least: min, most: max }),
  webgpu: ([x], [y], { min, max }) => gpuKernels().unaryShaders.clip.run([x], y, { least: min, most: max }),
  inPlace: true,
  saves: ([x], [y]) => [x, y],
  gradient: (dy, { saved: [x, y] }) => [() => where(equal(x, y), dy, 0)],
});
