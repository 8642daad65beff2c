import { checkTensor } from '../../check.js';
import { normalizeAxis } from '../../check-shape.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import type { OpDefinition } from '../../op-definition.js';
import { stridesOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { mul, sub } from '../elementwise/binary.js';
import { sameShapeAsInput } from '../elementwise/elementwise.js';
import { flushTiny } from '../elementwise/flush-tiny.js';
import { exp } from '../elementwise/unary.js';
import { forEachLine } from '../lines.js';
import { sum } from '../reduce/sum.js';
import { softmaxRows } from './softmax.wasm.js';

interface SoftmaxAttributes {
  readonly axis: number;
}

/**
 * Computes probabilities proportional to eˣ along `axis`.
 *
 * The largest x is subtracted first. This does not change the result, since e^(x − m) = eˣ / eᵐ, but keeps exponentials
 * from overflowing.
 *
 * @param x f32 of any shape, except a scalar.
 * @param axis Default: the last one.
 * @returns f32 of the shape of x, whose sums along the axis are 1.
 * @throws ShapeError if the axis is out of range.
 *
 * @example
 * ```ts
 * import { softmax, tensor } from '@mobinet/tensor';
 *
 * const p = softmax(tensor([[1, 2, 3], [1001, 1002, 1003]]));
 * console.log(`${p}`); // only differences matter, and large numbers do not overflow
 * // → Tensor<f32> [2, 3]
 * // → [[0.0900, 0.2447, 0.6652],
 * // →  [0.0900, 0.2447, 0.6652]]
 * ```
 */
export function softmax(x: Tensor, axis = -1): Tensor {
  checkTensor('softmax', x);
  return apply(softmaxOp, [x], { axis: normalizeAxis('softmax', axis, x.rank) })[0];
}

const softmaxOp = defineOp<[Tensor], [Tensor], SoftmaxAttributes, [Tensor]>({
  name: 'softmax',
  outputs: sameShapeAsInput,
  reference([{ values: x, shape }], [{ values: y }], { axis }) {
    forEachLine(shape, axis, (from, end, stride) => {
      const shift = largest(x, from, end, stride);
      let total = 0;
      for (let at = from; at < end; at += stride) total += Math.exp(x[at] - shift);
      for (let at = from; at < end; at += stride) y[at] = Math.exp(x[at] - shift) / total;
    });
  },
  fast: (inputs, outputs, attributes) => runFast(softmaxOp, inputs, outputs, attributes),
  webgpu: ([x], [y], { axis }) => gpuKernels().softmaxOnGpu('softmax', x, y, x.shape[axis], stridesOf(x.shape)[axis]),
  saves: (_, outputs) => outputs,
  // ∂yᵢ/∂xⱼ = yᵢ·([i = j] − yⱼ), so dx = y ⊙ (dy − Σ dy ⊙ y).
  gradient: (dy, { saved: [y], attributes: { axis } }) => [
    () => flushTiny(mul(y, sub(dy, sum(mul(dy, y), { axes: axis, keepDims: true })))),
  ],
});

/**
 * Computes the logarithm of `softmax` as x − m − ln Σ e^(x − m), where m is the largest x. It is accurate even where
 * the softmax itself is near 0.
 *
 * @param x f32 of any shape, except a scalar.
 * @param axis Default: the last one.
 * @returns f32 of the shape of x.
 * @throws ShapeError if the axis is out of range.
 *
 * @example
 * ```ts
 * import { log, logSoftmax, softmax, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([0, 200]);
 * console.log(`${logSoftmax(x).values}, where the logarithm of the softmax is ${log(softmax(x)).values}`);
 * // → -200,0, where the logarithm of the softmax is -Infinity,0
 * ```
 */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  checkTensor('logSoftmax', x);
  return apply(logSoftmaxOp, [x], { axis: normalizeAxis('logSoftmax', axis, x.rank) })[0];
}

const logSoftmaxOp = defineOp<[Tensor], [Tensor], SoftmaxAttributes, [Tensor]>({
  name: 'logSoftmax',
  outputs: sameShapeAsInput,
  reference([{ values: x, shape }], [{ values: y }], { axis }) {
    forEachLine(shape, axis, (from, end, stride) => {
      const shift = largest(x, from, end, stride);
      let total = 0;
      for (let at = from; at < end; at += stride) total += Math.exp(x[at] - shift);
      const logTotal = Math.log(total);
      for (let at = from; at < end; at += stride) y[at] = x[at] - shift - logTotal;
    });
  },
  fast: (inputs, outputs, attributes) => runFast(logSoftmaxOp, inputs, outputs, attributes),
  webgpu: ([x], [y], { axis }) =>
    gpuKernels().softmaxOnGpu('logSoftmax', x, y, x.shape[axis], stridesOf(x.shape)[axis]),
  saves: (_, outputs) => outputs,
  // ∂yᵢ/∂xⱼ = [i = j] − softmax(x)ⱼ, and the softmax is eʸ.
  gradient: (dy, { saved: [y], attributes: { axis } }) => [
    () => flushTiny(sub(dy, mul(exp(y), sum(dy, { axes: axis, keepDims: true })))),
  ],
});

/** Runs the kernel along the last axis, and the definition along others. */
function runFast(
  op: OpDefinition<[Tensor], [Tensor], SoftmaxAttributes, [Tensor]>,
  [x]: [Tensor],
  [y]: [Tensor],
  attributes: SoftmaxAttributes,
): void {
  if (attributes.axis === x.rank - 1 && x.size > 0) softmaxRows(x, y, op.name as 'softmax' | 'logSoftmax');
  else op.reference([x], [y], attributes);
}

function largest(x: Float32Array, from: number, end: number, stride: number): number {
  let result = Number.NEGATIVE_INFINITY;
  for (let at = from; at < end; at += stride) result = Math.max(result, x[at]);
  return result;
}
