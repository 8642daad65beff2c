import { broadcastShapes } from '../../check-shape.js';
import { type DType, dtypes } from '../../dtype.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import type { OpDefinition } from '../../op-definition.js';
import type { Tensor } from '../../tensor.js';
import type { F32x4 } from '../../wasm/assembler.js';
import { mapPairs } from './broadcast.js';
import { ComparisonKernel } from './compare.wasm.js';
import { type Operands, withTensors } from './operands.js';

// Comparisons, element by element with broadcasting: 1 where they hold, else 0. They pass no gradient.

type CompareOp = OpDefinition<[Tensor<DType>, Tensor<DType>], [Tensor<'u8'>]>;

/** A function of two tensors, or of a tensor and a number, whose result is u8. */
export interface Compare {
  <D extends DType>(a: Tensor<D>, b: Tensor<NoInfer<D>> | number): Tensor<'u8'>;
  <D extends DType>(a: number, b: Tensor<D>): Tensor<'u8'>;
}

interface Comparison {
  readonly name: string;
  /** The definition. It also runs for integers, and for broadcasts that the kernel does not support. */
  readonly scalar: (a: number, b: number) => boolean;
  /** The same in WebAssembly, for four elements: a mask. */
  readonly lanes: (a: F32x4, b: F32x4) => F32x4;
  /** The same in WGSL. */
  readonly wgsl: string;
}

/** Makes a function of two tensors, or of a tensor and a number. */
/* @__NO_SIDE_EFFECTS__ */
export function comparison({ name, scalar, lanes, wgsl }: Comparison): Compare {
  const kernel = new ComparisonKernel(name, lanes);
  const map = { name, operands: ['a', 'b'], wgsl: `u32(${wgsl})`, dtypes };
  const op: CompareOp = defineOp<[Tensor<DType>, Tensor<DType>], [Tensor<'u8'>]>({
    name,
    accepts: [dtypes],
    outputs: ([a, b]) => [{ dtype: 'u8', shape: broadcastShapes(name, a.shape, b.shape) }],
    reference: ([a, b], [y]) => mapPairs(a, b, y, scalar),
    fast([a, b], [y]) {
      if (!kernel.run(a, b, y)) op.reference([a, b], [y], undefined);
    },
    webgpu: (inputs, [y]) => gpuKernels().mapOnGpu(map, inputs, y),
  });
  return <D extends DType>(...operands: Operands<D>) =>
    withTensors(name, operands, (a, b) => apply(op, [a, b], undefined)[0]);
}

/**
 * Tests a = b, element by element: u8, 1 where it holds, else 0. Broadcasts and throws as `add` does.
 *
 * @example
 * ```ts
 * import { equal, tensor } from '@mobinet/tensor';
 *
 * console.log(`${equal(tensor([1, 2, 3]), tensor([1, 5, 3]))}`);
 * // → Tensor<u8> [3]
 * // → [1, 0, 1]
 * ```
 */
export const equal = comparison({
  name: 'equal',
  scalar: (a, b) => a === b,
  lanes: (a, b) => a.eq(b),
  wgsl: 'a == b',
});

/**
 * Tests a ≠ b, element by element: see `equal`. NaN differs from everything, also from itself.
 *
 * @example
 * ```ts
 * import { notEqual, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([1, Number.NaN]);
 * console.log(`${notEqual(x, x).values}`);
 * // → 0,1
 * ```
 */
export const notEqual = comparison({
  name: 'notEqual',
  scalar: (a, b) => a !== b,
  lanes: (a, b) => a.ne(b),
  wgsl: 'a != b',
});

/**
 * Tests a < b, element by element: see `equal`.
 *
 * @example
 * ```ts
 * import { less, tensor } from '@mobinet/tensor';
 *
 * console.log(`${less(tensor([1, 2, 3]), 2).values}`);
 * // → 1,0,0
 * ```
 */
export const less = comparison({
  name: 'less',
  scalar: (a, b) => a < b,
  lanes: (a, b) => a.lt(b),
  wgsl: 'a < b',
});

/**
 * Tests a ≤ b, element by element: see `equal`.
 *
 * @example
 * ```ts
 * import { lessEqual, tensor } from '@mobinet/tensor';
 *
 * console.log(`${lessEqual(tensor([1, 2, 3]), 2).values}`);
 * // → 1,1,0
 * ```
 */
export const lessEqual = comparison({
  name: 'lessEqual',
  scalar: (a, b) => a <= b,
  lanes: (a, b) => a.le(b),
  wgsl: 'a <= b',
});

/**
 * Tests a > b, element by element: see `equal`.
 *
 * @example
 * ```ts
 * import { greater, mean, tensor } from '@mobinet/tensor';
 *
 * const logits = tensor([-1, 0.5, 3]);
 * console.log(`${mean(greater(logits, 0))}`); // the share of positive logits
 * // → Tensor<f32> []
 * // → 0.6667
 * ```
 */
export const greater = comparison({
  name: 'greater',
  scalar: (a, b) => a > b,
  lanes: (a, b) => a.gt(b),
  wgsl: 'a > b',
});

/**
 * Tests a ≥ b, element by element: see `equal`.
 *
 * @example
 * ```ts
 * import { greaterEqual, tensor } from '@mobinet/tensor';
 *
 * console.log(`${greaterEqual(2, tensor([1, 2, 3])).values}`);
 * // → 1,1,0
 * ```
 */
export const greaterEqual = comparison({
  name: 'greaterEqual',
  scalar: (a, b) => a >= b,
  lanes: (a, b) => a.ge(b),
  wgsl: 'a >= b',
});
