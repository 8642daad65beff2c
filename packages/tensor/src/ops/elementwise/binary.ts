import { broadcastShapes } from '../../check-shape.js';
import type { DType } from '../../dtype.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { defineOp } from '../../op.js';
import type { AnyTensor, OpDefinition } from '../../op-definition.js';
import type { Tensor } from '../../tensor.js';
import { sumTo } from '../reduce/sum.js';
import { binaryKernels } from './binary.wasm.js';
import { forEachRun } from './broadcast.js';
import { equal, greater, greaterEqual, less } from './compare.js';
import { applyBinary, type Binary, type Operands } from './operands.js';
import { abs, log, neg } from './unary.js';
import { where } from './where.js';

// Arithmetic of two operands, with NumPy's broadcasting: see `broadcastShapes`. An operand that was stretched has been
// read many times, so its gradient is summed back to its shape. Integers take JavaScript's results, cut off to their
// bits: division truncates towards zero.

type BinaryOp<S extends readonly AnyTensor[]> = OpDefinition<[Tensor, Tensor], [Tensor], undefined, S>;

interface Arithmetic<S extends readonly AnyTensor[]> extends Pick<BinaryOp<S>, 'reference' | 'saves' | 'gradient'> {
  readonly name: keyof typeof binaryKernels;
}

/** The function of tensors, or of a tensor and a number. Its definition runs where there is no kernel for the shapes. */
/* @__NO_SIDE_EFFECTS__ */
function arithmetic<S extends readonly [] | readonly [Tensor, Tensor] = readonly []>(parts: Arithmetic<S>): Binary {
  const { name } = parts;
  const op: BinaryOp<S> = defineOp<[Tensor, Tensor], [Tensor], undefined, S>({
    ...parts,
    outputs: ([a, b]) => [{ dtype: a.dtype, shape: broadcastShapes(name, a.shape, b.shape) }],
    fast([a, b], [y]) {
      if (!binaryKernels[name].run(a, b, y)) op.reference([a, b], [y], undefined);
    },
    ...(name !== 'pow' && {
      webgpu: (inputs: [Tensor, Tensor], [y]: [Tensor]) => gpuKernels().binaryShaders[name].run(inputs, y, {}),
    }),
    inPlace: true,
  });
  return <D extends DType>(...operands: Operands<D>) => applyBinary(op, operands);
}

/**
 * a + b.
 *
 * @throws ShapeError if the shapes do not broadcast.
 * @throws DTypeError if the dtypes differ.
 */
export const add: Binary = arithmetic({
  name: 'add',
  reference([{ values: a, shape: aShape }, { values: b, shape: bShape }], [{ values: y, shape }]) {
    forEachRun(shape, [aShape, bShape], (at, end, [aAt, bAt], [aStep, bStep]) => {
      for (; at < end; at++, aAt += aStep, bAt += bStep) y[at] = a[aAt] + b[bAt];
    });
  },
  gradient: (dy, { inputShapes: [a, b] }) => [() => sumTo(dy, a), () => sumTo(dy, b)],
});

/** a − b. Errors as for `add`. */
export const sub: Binary = arithmetic({
  name: 'sub',
  reference([{ values: a, shape: aShape }, { values: b, shape: bShape }], [{ values: y, shape }]) {
    forEachRun(shape, [aShape, bShape], (at, end, [aAt, bAt], [aStep, bStep]) => {
      for (; at < end; at++, aAt += aStep, bAt += bStep) y[at] = a[aAt] - b[bAt];
    });
  },
  gradient: (dy, { inputShapes: [a, b] }) => [() => sumTo(dy, a), () => sumTo(neg(dy), b)],
});

/** a · b, element by element. Errors as for `add`. */
export const mul: Binary = arithmetic<[Tensor, Tensor]>({
  name: 'mul',
  reference([{ values: a, shape: aShape }, { values: b, shape: bShape }], [{ values: y, shape }]) {
    forEachRun(shape, [aShape, bShape], (at, end, [aAt, bAt], [aStep, bStep]) => {
      for (; at < end; at++, aAt += aStep, bAt += bStep) y[at] = a[aAt] * b[bAt];
    });
  },
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [a, b] }) => [() => sumTo(mul(dy, b), a.shape), () => sumTo(mul(dy, a), b.shape)],
});

/** a / b. Errors as for `add`. */
export const div: Binary = arithmetic<[Tensor, Tensor]>({
  name: 'div',
  reference([{ values: a, shape: aShape }, { values: b, shape: bShape }], [{ values: y, shape }]) {
    forEachRun(shape, [aShape, bShape], (at, end, [aAt, bAt], [aStep, bStep]) => {
      for (; at < end; at++, aAt += aStep, bAt += bStep) y[at] = a[aAt] / b[bAt];
    });
  },
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [a, b] }) => [
    () => sumTo(div(dy, b), a.shape),
    // As two quotients: b² overflows, or becomes 0, long before b does.
    () => sumTo(neg(mul(dy, div(div(a, b), b))), b.shape),
  ],
});

/** a to the power of b; 1 to any power is 1, even to NaN, and so is anything to the power of 0. Errors as for `add`. */
export const pow: Binary = arithmetic<[Tensor, Tensor]>({
  name: 'pow',
  reference([{ values: a, shape: aShape }, { values: b, shape: bShape }], [{ values: y, shape }]) {
    forEachRun(shape, [aShape, bShape], (at, end, [aAt, bAt], [aStep, bStep]) => {
      for (; at < end; at++, aAt += aStep, bAt += bStep) y[at] = power(a[aAt], b[bAt]);
    });
  },
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [a, b] }) => [
    // ∂aᵇ/∂a = b·aᵇ⁻¹, which is 0 for b = 0 even where a is NaN, or so near 0 that the power overflows; 1 in place of a gives 0, too.
    // An infinity that is taken out afterwards would come back as NaN, 0·∞, once this is differentiated.
    () => {
      const base = where(equal(b, 0), where(greater(abs(a), 2 ** -126), a, 1), a);
      return sumTo(mul(dy, mul(b, pow(base, sub(b, 1)))), a.shape);
    },
    // ∂aᵇ/∂b = aᵇ·ln a, which tends to 0 with a, unless b is below 0: it is 0 for 1 in place of a.
    () => {
      const base = where(equal(a, 0), where(greaterEqual(b, 0), 1, a), a);
      return sumTo(mul(dy, mul(pow(base, b), log(base))), b.shape);
    },
  ],
});

/** aᵇ by IEEE 754, as in C and PyTorch. JavaScript differs: there, 1 to the power of NaN or ±∞ and −1 to that of ±∞ are NaN. */
export function power(a: number, b: number): number {
  return a === 1 || (a === -1 && Math.abs(b) === Number.POSITIVE_INFINITY) ? 1 : a ** b;
}

/**
 * The larger of a and b, element by element; NaN where either is. Where they are equal, half of the gradient goes to each, as in
 * PyTorch. Errors as for `add`.
 */
export const maximum: Binary = arithmetic<[Tensor, Tensor]>({
  name: 'maximum',
  reference([{ values: a, shape: aShape }, { values: b, shape: bShape }], [{ values: y, shape }]) {
    forEachRun(shape, [aShape, bShape], (at, end, [aAt, bAt], [aStep, bStep]) => {
      for (; at < end; at++, aAt += aStep, bAt += bStep) y[at] = Math.max(a[aAt], b[bAt]);
    });
  },
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [a, b] }) => [
    () => sumTo(where(less(a, b), 0, halfWhereEqual(dy, a, b)), a.shape),
    () => sumTo(where(greater(a, b), 0, halfWhereEqual(dy, a, b)), b.shape),
  ],
});

/** The smaller of a and b, element by element: see `maximum`. */
export const minimum: Binary = arithmetic<[Tensor, Tensor]>({
  name: 'minimum',
  reference([{ values: a, shape: aShape }, { values: b, shape: bShape }], [{ values: y, shape }]) {
    forEachRun(shape, [aShape, bShape], (at, end, [aAt, bAt], [aStep, bStep]) => {
      for (; at < end; at++, aAt += aStep, bAt += bStep) y[at] = Math.min(a[aAt], b[bAt]);
    });
  },
  saves: (inputs) => inputs,
  gradient: (dy, { saved: [a, b] }) => [
    () => sumTo(where(greater(a, b), 0, halfWhereEqual(dy, a, b)), a.shape),
    () => sumTo(where(less(a, b), 0, halfWhereEqual(dy, a, b)), b.shape),
  ],
});

/** What of dy goes to each of two operands, unless the other one is alone chosen. */
function halfWhereEqual(dy: Tensor, a: Tensor, b: Tensor): Tensor {
  return where(equal(a, b), mul(dy, 0.5), dy);
}
