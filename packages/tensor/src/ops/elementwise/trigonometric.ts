import { apply } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { cos as cosLanes, sin as sinLanes, tan as tanLanes } from '../../wasm/assembler.js';
import { cosineCoefficients, sineCoefficients } from '../../wasm/trigonometry.js';
import { add, mul } from './binary.js';
import { elementwiseOp } from './elementwise.js';
import { polynomialWgsl } from './polynomial-wgsl.js';
import { neg, square } from './unary.js';

/**
 * Computes the sine of x, in radians, element by element: NaN for infinities. It is accurate for all x on the CPU, and
 * for |x| up to 8000 on a GPU.
 *
 * @example
 * ```ts
 * import { mul, sin, tensor } from '@mobinet/tensor';
 *
 * const degrees = tensor([0, 30, 90]);
 * console.log(`${sin(mul(degrees, Math.PI / 180))}`);
 * // → Tensor<f32> [3]
 * // → [0.0000, 0.5000, 1.0000]
 * ```
 */
export function sin(x: Tensor): Tensor {
  return apply(sinOp, [x], undefined)[0];
}

// The built-in sin of WGSL is only accurate to 2⁻¹¹, and between −π and π. This is the method of trigonometry.ts in
// single precision, with π/2 in three parts (Cephes, sinf). sinAt(x, k) is sin(x + k·π/2).
const sinAtWgsl = `fn sinAt(x: f32, k: i32) -> f32 {
  let n = round(x * ${2 / Math.PI});
  let r = ((x - n * 1.5703125) - n * 4.837512969970703125e-4) - n * 7.54978995489188216e-8;
  let square = r * r;
  let sine = r + r * square * ${polynomialWgsl('square', sineCoefficients)};
  let cosine = 1.0 - 0.5 * square + square * square * ${polynomialWgsl('square', cosineCoefficients)};
  let quarter = i32(n) + k;
  let value = select(sine, cosine, (quarter & 1) != 0);
  return select(value, -value, (quarter & 2) != 0);
}`;

const sinOp = elementwiseOp({
  name: 'sin',
  scalar: Math.sin,
  lanes: (x) => sinLanes(x),
  wgsl: 'sinAt(x, 0)',
  wgslFunctions: sinAtWgsl,
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x] }) => [() => mul(dy, cos(x))],
});

/**
 * Computes the cosine of x, in radians, element by element: see `sin`.
 *
 * @example
 * ```ts
 * import { cos, tensor } from '@mobinet/tensor';
 *
 * console.log(`${cos(tensor([0, Math.PI / 3, Math.PI]))}`);
 * // → Tensor<f32> [3]
 * // → [ 1.0000,  0.5000, -1.0000]
 * ```
 */
export function cos(x: Tensor): Tensor {
  return apply(cosOp, [x], undefined)[0];
}

const cosOp = elementwiseOp({
  name: 'cos',
  scalar: Math.cos,
  lanes: (x) => cosLanes(x),
  wgsl: 'sinAt(x, 1)',
  wgslFunctions: sinAtWgsl,
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [x] }) => [() => neg(mul(dy, sin(x)))],
});

/**
 * Computes the tangent of x, in radians, element by element: see `sin`.
 *
 * @example
 * ```ts
 * import { tan, tensor } from '@mobinet/tensor';
 *
 * console.log(`${tan(tensor([0, Math.PI / 4, -1]))}`);
 * // → Tensor<f32> [3]
 * // → [ 0.0000,  1.0000, -1.5574]
 * ```
 */
export function tan(x: Tensor): Tensor {
  return apply(tanOp, [x], undefined)[0];
}

const tanOp = elementwiseOp({
  name: 'tan',
  scalar: Math.tan,
  lanes: (x) => tanLanes(x),
  wgsl: 'sinAt(x, 0) / sinAt(x, 1)',
  wgslFunctions: sinAtWgsl,
  saves: (_, outputs) => outputs,
  gradient: (dy, { saved: [y] }) => [() => mul(dy, add(square(y), 1))],
});
