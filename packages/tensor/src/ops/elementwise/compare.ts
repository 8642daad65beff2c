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

interface Compare {
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
function comparison({ name, scalar, lanes, wgsl }: Comparison): Compare {
  const kernel = new ComparisonKernel(name, lanes);
  const map = { name, operands: ['a', 'b'], wgsl: `u32(${wgsl})`, dtypes };
  const op: CompareOp = defineOp<[Tensor<DType>, Tensor<DType>], [Tensor<'u8'>]>({
    name,
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

/** Tests a = b: 1 where it holds, else 0. Throws as `add` does. */
export const equal = comparison({
  name: 'equal',
  scalar: (a, b) => a === b,
  lanes: (a, b) => a.eq(b),
  wgsl: 'a == b',
});

/** Tests a ≠ b. Throws as `add` does. */
export const notEqual = comparison({
  name: 'notEqual',
  scalar: (a, b) => a !== b,
  lanes: (a, b) => a.ne(b),
  wgsl: 'a != b',
});

/** Tests a < b. Throws as `add` does. */
export const less = comparison({
  name: 'less',
  scalar: (a, b) => a < b,
  lanes: (a, b) => a.lt(b),
  wgsl: 'a < b',
});

/** Tests a ≤ b. Throws as `add` does. */
export const lessEqual = comparison({
  name: 'lessEqual',
  scalar: (a, b) => a <= b,
  lanes: (a, b) => a.le(b),
  wgsl: 'a <= b',
});

/** Tests a > b. Throws as `add` does. */
export const greater = comparison({
  name: 'greater',
  scalar: (a, b) => a > b,
  lanes: (a, b) => a.gt(b),
  wgsl: 'a > b',
});

/** Tests a ≥ b. Throws as `add` does. */
export const greaterEqual = comparison({
  name: 'greaterEqual',
  scalar: (a, b) => a >= b,
  lanes: (a, b) => a.ge(b),
  wgsl: 'a >= b',
});
