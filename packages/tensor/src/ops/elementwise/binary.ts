import { broadcastShapes } from '../../check-shape.js';
import { type DType, dtypes } from '../../dtype.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { defineOp } from '../../op.js';
import type { AnyTensor, OpDefinition } from '../../op-definition.js';
import type { Tensor } from '../../tensor.js';
import { type F32x4, mod as modLanes, pow as powLanes } from '../../wasm/assembler.js';
import { sumTo } from '../reduce/sum.js';
import { ArithmeticKernel } from './binary.wasm.js';
import { mapPairs } from './broadcast.js';
import { equal, greater, greaterEqual, less } from './compare.js';
import { applyBinary, type Binary, type Operands } from './operands.js';
import { round } from './rounding.js';
import { abs, log, neg } from './unary.js';
import { where } from './where.js';

// Arithmetic of two operands, with NumPy's broadcasting: see `broadcastShapes`. Elements of a broadcast operand are
// read several times, so its gradient is summed back to its shape. Integers take JavaScript's results, truncated to
// their bits: division truncates towards zero.

type BinaryOp<S extends readonly AnyTensor[]> = OpDefinition<[Tensor, Tensor], [Tensor], undefined, S>;

interface Arithmetic<S extends readonly AnyTensor[]> extends Pick<BinaryOp<S>, 'saves' | 'gradient'> {
  readonly name: string;
  /** The definition. It also runs for integers, and for broadcasts that the kernel does not support. */
  readonly scalar: (a: number, b: number) => number;
  /** The same in WebAssembly, for four elements. */
  readonly lanes: (a: F32x4, b: F32x4) => F32x4;
  /** The same in WGSL. Absent if it is not needed on a GPU. */
  readonly wgsl?: string;
}

/** Makes a function of two tensors, or of a tensor and a number. */
/* @__NO_SIDE_EFFECTS__ */
function arithmetic<S extends readonly Tensor[] = readonly []>(parts: Arithmetic<S>): Binary {
  const { name, scalar, lanes, wgsl, ...rules } = parts;
  const kernel = new ArithmeticKernel(name, lanes);
  const map = wgsl === undefined ? null : { name, operands: ['a', 'b'], wgsl };
  const op: BinaryOp<S> = defineOp<[Tensor, Tensor], [Tensor], undefined, S>({
    name,
    accepts: [dtypes],
    outputs: ([a, b]) => [{ dtype: a.dtype, shape: broadcastShapes(name, a.shape, b.shape) }],
    reference: ([a, b], [y]) => mapPairs(a, b, y, scalar),
    fast([a, b], [y]) {
      if (!kernel.run(a, b, y)) op.reference([a, b], [y], undefined);
    },
    ...(map && { webgpu: (inputs: [Tensor, Tensor], [y]: [Tensor]) => gpuKernels().mapOnGpu(map, inputs, y) }),
    inPlace: true,
    ...rules,
  });
  return <D extends DType>(...operands: Operands<D>) => applyBinary(op, operands);
}

/**
 * Computes a + b, element by element. The shapes broadcast as in NumPy, and a number acts as a scalar: see
 * `broadcastShapes`.
 *
 * @throws ShapeError if the shapes do not broadcast.
 * @throws DTypeError if the dtypes differ.
 *
 * @example
 * ```ts
 * import { add, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([[1, 2], [3, 4]]);
 * console.log(`${add(x, tensor([10, 20])).values}, ${add(x, 1).values}`); // a row is added to each row
 * // → 11,22,13,24, 2,3,4,5
 * ```
 */
export const add: Binary = arithmetic({
  name: 'add',
  scalar: (a, b) => a + b,
  lanes: (a, b) => a.add(b),
  wgsl: 'a + b',
  gradient: (dy, { inputShapes: [a, b] }) => [() => sumTo(dy, a), () => sumTo(dy, b)],
});

/**
 * Computes a − b, element by element. Broadcasts and throws as `add` does.
 *
 * @example
 * ```ts
 * import { sub, tensor } from '@mobinet/tensor';
 *
 * console.log(`${sub(1, tensor([0.25, 0.5])).values}`);
 * // → 0.75,0.5
 * ```
 */
export const sub: Binary = arithmetic({
  name: 'sub',
  scalar: (a, b) => a - b,
  lanes: (a, b) => a.sub(b),
  wgsl: 'a - b',
  gradient: (dy, { inputShapes: [a, b] }) => [() => sumTo(dy, a), () => sumTo(neg(dy), b)],
});

/**
 * Computes a · b, element by element (for matrix products, see `matmul`). Broadcasts and throws as `add` does.
 *
 * @example
 * ```ts
 * import { mul, tensor } from '@mobinet/tensor';
 *
 * const column = tensor([[1], [2], [3]]);
 * console.log(`${mul(column, tensor([1, 10]))}`); // [3, 1] and [2] broadcast to [3, 2]
 * // → Tensor<f32> [3, 2]
 * // → [[ 1.0000, 10.0000],
 * // →  [ 2.0000, 20.0000],
 * // →  [ 3.0000, 30.0000]]
 * ```
 */
export const mul: Binary = arithmetic<[Tensor, Tensor]>({
  name: 'mul',
  scalar: (a, b) => a * b,
  lanes: (a, b) => a.mul(b),
  wgsl: 'a * b',
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [a, b] }) => [() => sumTo(mul(dy, b), a.shape), () => sumTo(mul(dy, a), b.shape)],
});

/**
 * Computes a / b, element by element. For integers, the fraction is cut off, and a division by 0 gives 0. Broadcasts and
 * throws as `add` does.
 *
 * @example
 * ```ts
 * import { div, tensor } from '@mobinet/tensor';
 *
 * console.log(`${div(tensor([1, -1, 0]), 0).values}`);
 * // → Infinity,-Infinity,NaN
 * console.log(`${div(tensor([7, -7], { dtype: 'i32' }), 2).values}`);
 * // → 3,-3
 * ```
 */
export const div: Binary = arithmetic<[Tensor, Tensor]>({
  name: 'div',
  scalar: (a, b) => a / b,
  lanes: (a, b) => a.div(b),
  wgsl: 'a / b',
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [a, b] }) => [
    () => sumTo(div(dy, b), a.shape),
    // Two quotients, since b² overflows, or underflows to 0, long before b does.
    () => sumTo(neg(mul(dy, div(div(a, b), b))), b.shape),
  ],
});

/**
 * Computes the remainder a − b·⌊a/b⌋, element by element, which has the sign of b, as NumPy's `mod` and PyTorch's
 * `remainder` do (JavaScript's % has the sign of a). A division by 0 gives NaN, and 0 for integers, as in NumPy.
 * Broadcasts and throws as `add` does.
 *
 * The gradient of a is dy, and that of b is −dy·⌊a/b⌋, also where the result jumps (NaN if b is 0, or infinite and of
 * the other sign).
 *
 * @example
 * ```ts
 * import { mod, tensor } from '@mobinet/tensor';
 *
 * console.log(`${mod(tensor([-1.5, 1.5, 7]), 2).values}, ${-1.5 % 2}`);
 * // → 0.5,1.5,1, -1.5
 * ```
 */
export const mod: Binary = arithmetic<[Tensor, Tensor, Tensor]>({
  name: 'mod',
  scalar: remainder,
  lanes: modLanes,
  wgsl: 'select(a % b, a % b + b, a % b != 0 && (a % b < 0) != (b < 0))',
  saves: ([a, b], [y]) => [a, b, y],
  gradient: (dy, { saved: [a, b, y] }) => [
    () => sumTo(dy, a.shape),
    // ⌊a/b⌋ = (a − y)/b. Rounding a/b to a float may cross a whole number.
    () => sumTo(neg(mul(dy, round(div(sub(a, y), b)))), b.shape),
  ],
});

/** a % b is exact, and has the sign of a. A remainder of 0 is +0. */
function remainder(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest + 0;
}

/**
 * Raises a to the power of b, element by element. As in IEEE 754, 1 to any power is 1, and so is anything to the power
 * of 0, even NaN. Broadcasts and throws as `add` does.
 *
 * @example
 * ```ts
 * import { pow, tensor } from '@mobinet/tensor';
 *
 * console.log(`${pow(tensor([1, 2, 3]), 2).values}`);
 * // → 1,4,9
 * console.log(`${pow(2, tensor([-1, 0, 3])).values}`);
 * // → 0.5,1,8
 * ```
 */
export const pow: Binary = arithmetic<[Tensor, Tensor]>({
  name: 'pow',
  scalar: power,
  lanes: powLanes,
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [a, b] }) => [
    // ∂aᵇ/∂a = b·aᵇ⁻¹. For b = 0 it is 0, even where a is NaN or so near 0 that the power overflows, so 1 replaces such
    // an a. Masking the result instead would not do: its infinities would come back as NaN, 0·∞, in the second
    // derivative.
    () => {
      const base = where(equal(b, 0), where(greater(abs(a), 2 ** -126), a, 1), a);
      return sumTo(mul(dy, mul(b, pow(base, sub(b, 1)))), a.shape);
    },
    // ∂aᵇ/∂b = aᵇ·ln a, which tends to 0 with a unless b < 0. Replacing a = 0 by 1 gives that 0.
    () => {
      const base = where(equal(a, 0), where(greaterEqual(b, 0), 1, a), a);
      return sumTo(mul(dy, mul(pow(base, b), log(base))), b.shape);
    },
  ],
});

/** aᵇ as in IEEE 754, C and PyTorch. In JavaScript, 1 to the power of NaN or ±∞ is NaN, and so is −1 to that of ±∞. */
export function power(a: number, b: number): number {
  return a === 1 || (a === -1 && Math.abs(b) === Number.POSITIVE_INFINITY) ? 1 : a ** b;
}

/**
 * Takes the larger of a and b, element by element, or NaN where either is NaN. Where they are equal, each receives half
 * of the gradient, as in PyTorch. Broadcasts and throws as `add` does. For the largest element of one tensor, see
 * `max`.
 *
 * @example
 * ```ts
 * import { maximum, tensor } from '@mobinet/tensor';
 *
 * console.log(`${maximum(tensor([-2, 3]), 0).values}`); // what relu computes
 * // → 0,3
 * ```
 */
export const maximum: Binary = arithmetic<[Tensor, Tensor]>({
  name: 'maximum',
  scalar: (a, b) => Math.max(a, b),
  lanes: (a, b) => a.max(b),
  wgsl: 'max(a, b)',
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [a, b] }) => [
    () => sumTo(where(less(a, b), 0, halvedAtTies(dy, a, b)), a.shape),
    () => sumTo(where(greater(a, b), 0, halvedAtTies(dy, a, b)), b.shape),
  ],
});

/**
 * Takes the smaller of a and b, element by element: see `maximum`.
 *
 * @example
 * ```ts
 * import { minimum, tensor } from '@mobinet/tensor';
 *
 * console.log(`${minimum(tensor([0.25, 7]), 1).values}`);
 * // → 0.25,1
 * ```
 */
export const minimum: Binary = arithmetic<[Tensor, Tensor]>({
  name: 'minimum',
  scalar: (a, b) => Math.min(a, b),
  lanes: (a, b) => a.min(b),
  wgsl: 'min(a, b)',
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [a, b] }) => [
    () => sumTo(where(greater(a, b), 0, halvedAtTies(dy, a, b)), a.shape),
    () => sumTo(where(less(a, b), 0, halvedAtTies(dy, a, b)), b.shape),
  ],
});

/** dy, halved where a = b, since both operands share it there. */
function halvedAtTies(dy: Tensor, a: Tensor, b: Tensor): Tensor {
  return where(equal(a, b), mul(dy, 0.5), dy);
}
