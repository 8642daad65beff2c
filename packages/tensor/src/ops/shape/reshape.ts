import { checkList, checkTensor } from '../../check.js';
import { checkShape, normalizeAxes } from '../../check-shape.js';
import type { DType } from '../../dtype.js';
import { ShapeError } from '../../errors.js';
import { recordCall } from '../../op.js';
import { formatShape, type Shape, sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';

/**
 * Gives x another shape. The result is a view that shares memory with x.
 *
 * @param x Of any shape.
 * @param shape Must have as many elements as x. One axis may be −1, and is computed from the others.
 * @throws ShapeError if the sizes differ.
 *
 * @example
 * ```ts
 * import { reshape, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([1, 2, 3, 4, 5, 6]);
 * console.log(`${reshape(x, [2, -1])}`);
 * // → Tensor<f32> [2, 3]
 * // → [[1.0000, 2.0000, 3.0000],
 * // →  [4.0000, 5.0000, 6.0000]]
 * ```
 */
export function reshape<D extends DType>(x: Tensor<D>, shape: Shape): Tensor<D> {
  checkTensor('reshape', x);
  const inputShape = x.shape;
  const view = x.alias(completeShape(inputShape, shape));
  recordCall({
    name: 'reshape',
    inputs: [x],
    output: view,
    saved: [],
    gradient: (dy) => [() => reshape(dy, inputShape)],
  });
  return view;
}

/** Computes an axis of −1, and checks that the sizes agree. */
function completeShape(from: Shape, to: Shape): Shape {
  checkList('reshape', to);
  const known = to.filter((size) => size !== -1);
  checkShape('reshape', known);
  const size = sizeOf(from);
  const rest = size / sizeOf(known);
  const unknown = to.length - known.length;
  if (unknown === 0 ? sizeOf(known) !== size : unknown > 1 || !Number.isInteger(rest)) {
    throw new ShapeError(
      'reshape',
      `${size} elements do not fill shape ${formatShape(to)}`,
      [{ name: 'x', shape: from }],
      'The product of the axes must stay the same; one of them may be −1.',
    );
  }
  return to.map((axis) => (axis === -1 ? rest : axis));
}

/**
 * Adds axes of size 1: PyTorch's `unsqueeze`, and NumPy's `expand_dims`, which also takes several axes.
 *
 * @param x Of any shape.
 * @param axes The positions of the new axes in the result: one or several. Negative ones count from its end, so −1 is
 *   its last axis.
 * @returns A view.
 * @throws ShapeError if an axis is out of range or repeated.
 *
 * @example
 * ```ts
 * import { unsqueeze, zeros } from '@mobinet/tensor';
 *
 * const image = zeros([32, 32]);
 * console.log(`[${unsqueeze(image, 0).shape}], [${unsqueeze(image, [0, -1]).shape}]`); // a batch of one, with a channel
 * // → [1,32,32], [1,32,32,1]
 * ```
 */
export function unsqueeze<D extends DType>(x: Tensor<D>, axes: number | readonly number[]): Tensor<D> {
  checkTensor('unsqueeze', x);
  const list = typeof axes === 'number' ? [axes] : axes;
  checkList('unsqueeze', list, '[0, 1]');
  const shape = [...x.shape];
  // In ascending order, each axis is at its final position when it is inserted.
  for (const axis of normalizeAxes('unsqueeze', list, x.rank + list.length)) shape.splice(axis, 0, 1);
  return reshape(x, shape);
}

/**
 * Removes axes of size 1: the given ones, or all of them by default. The result is a view.
 *
 * @param x Of any shape.
 * @param axes One axis or several; negative ones count from the end. One that is not of size 1 is an error, as in NumPy;
 *   PyTorch leaves it as it is.
 * @throws ShapeError if a given axis is not of size 1, out of range or repeated.
 * @returns The shape of x without these axes.
 *
 * @example
 * ```ts
 * import { squeeze, zeros } from '@mobinet/tensor';
 *
 * const x = zeros([1, 5, 1]);
 * console.log(`[${squeeze(x).shape}], [${squeeze(x, 0).shape}]`);
 * // → [5], [5,1]
 * ```
 */
export function squeeze<D extends DType>(x: Tensor<D>, axes?: number | readonly number[]): Tensor<D> {
  checkTensor('squeeze', x);
  const ones = x.shape.flatMap((size, axis) => (size === 1 ? [axis] : []));
  const dropped = axes === undefined ? ones : normalizeAxes('squeeze', axes, x.rank);
  if (!dropped.every((axis) => ones.includes(axis))) {
    throw new ShapeError('squeeze', `axes [${dropped}] are not all of size 1`, [{ name: 'x', shape: x.shape }]);
  }
  return reshape(
    x,
    x.shape.filter((_, axis) => !dropped.includes(axis)),
  );
}
