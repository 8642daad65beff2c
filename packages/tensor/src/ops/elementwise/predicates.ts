import { type DType, dtypes } from '../../dtype.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import type { OpDefinition } from '../../op-definition.js';
import type { Tensor } from '../../tensor.js';
import type { F32x4 } from '../../wasm/assembler.js';
import { ComparisonKernel } from './compare.wasm.js';

// Tests of single elements, of any dtype: u8, 1 where the test holds, else 0. They pass no gradient.

interface Predicate {
  readonly name: string;
  /** The definition, which also runs for integers. */
  readonly scalar: (x: number) => boolean;
  /** The same in WebAssembly, for four elements: a mask. */
  readonly lanes: (x: F32x4) => F32x4;
  /** The same in WGSL, for x of any type. */
  readonly wgsl: string;
}

/** Defines the op of a test. */
/* @__NO_SIDE_EFFECTS__ */
export function predicate({ name, scalar, lanes, wgsl }: Predicate): OpDefinition<[Tensor<DType>], [Tensor<'u8'>]> {
  const kernel = new ComparisonKernel(name, lanes);
  const map = { name, operands: ['x'], wgsl: `u32(${wgsl})`, dtypes };
  const op = defineOp<[Tensor<DType>], [Tensor<'u8'>]>({
    name,
    accepts: [dtypes],
    outputs: ([{ shape }]) => [{ dtype: 'u8', shape }],
    reference([{ values: x }], [{ values: y }]) {
      for (let i = 0; i < y.length; i++) y[i] = scalar(x[i]) ? 1 : 0;
    },
    fast([x], [y]) {
      if (!kernel.run(x, x, y)) op.reference([x], [y], undefined);
    },
    webgpu: (inputs, [y]) => gpuKernels().mapOnGpu(map, inputs, y),
  });
  return op;
}

/**
 * Tests which elements are NaN: u8 of the shape of x, 1 where they are, else 0. Integers never are.
 *
 * @example
 * ```ts
 * import { isNaN, sqrt, tensor } from '@mobinet/tensor';
 *
 * console.log(`${isNaN(sqrt(tensor([4, -4]))).values}`);
 * // → 0,1
 * ```
 */
// biome-ignore lint/suspicious/noShadowRestrictedNames: NumPy's and PyTorch's name; this file calls Number.isNaN.
export function isNaN(x: Tensor<DType>): Tensor<'u8'> {
  return apply(isNaNOp, [x], undefined)[0];
}

// WGSL may assume that no float is NaN or infinite, so the GPU tests the bits.
const magnitudeWgsl = '(bitcast<u32>(f32(x)) & 0x7fffffffu)';

const isNaNOp = predicate({
  name: 'isNaN',
  scalar: Number.isNaN,
  lanes: (x) => x.ne(x),
  wgsl: `${magnitudeWgsl} > 0x7f800000u`,
});

/**
 * Tests which elements are neither infinite nor NaN: u8 of the shape of x, 1 where they are finite, else 0. Integers
 * always are.
 *
 * @example
 * ```ts
 * import { div, isFinite, tensor } from '@mobinet/tensor';
 *
 * console.log(`${isFinite(div(tensor([2, 1, 0]), tensor([1, 0, 0]))).values}`);
 * // → 1,0,0
 * ```
 */
// biome-ignore lint/suspicious/noShadowRestrictedNames: NumPy's and PyTorch's name; this file calls Number.isFinite.
export function isFinite(x: Tensor<DType>): Tensor<'u8'> {
  return apply(isFiniteOp, [x], undefined)[0];
}

const isFiniteOp = predicate({
  name: 'isFinite',
  scalar: Number.isFinite,
  // ∞ − ∞ is NaN.
  lanes: (x) => x.sub(x).eq(x.sub(x)),
  wgsl: `${magnitudeWgsl} < 0x7f800000u`,
});
