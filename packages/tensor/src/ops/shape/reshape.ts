import { checkList, checkTensor } from '../../check.js';
import { checkShape, normalizeAxes, normalizeAxis } from '../../check-shape.js';
import type { DType } from '../../dtype.js';
import { ShapeError } from '../../errors.js';
import { recordCall } from '../../op.js';
import { formatShape, type Shape, sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';

/**
 * Gives x another shape. The result is a view that shares memory with x.
 *
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
 * Adds an axis of size 1 at `axis` (−1: after the last). The result is a view.
 *
 * @throws ShapeError if the axis is out of range.
 *
 * @example
 * ```ts
 * import { unsqueeze, zeros } from '@mobinet/tensor';
 *
 * const image = zeros([32, 32, 3]);
 * console.log(`[${unsqueeze(image, 0).shape}]`); // a batch of one image
 * // → [1,32,32,3]
 * ```
 */
export function unsqueeze<D extends DType>(x: Tensor<D>, axis: number): Tensor<D> {
  checkTensor('unsqueeze', x);
  return reshape(x, x.shape.toSpliced(normalizeAxis('unsqueeze', axis, x.rank + 1), 0, 1));
}

/**
 * Removes axes of size 1: the given ones, or all of them by default. The result is a view.
 *
 * @throws ShapeError if a given axis is not of size 1.
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
  const dropped = new Set(normalizeAxes('squeeze', axes, x.rank));
  const kept = x.shape.filter((size, axis) => !dropped.has(axis) || (axes === undefined && size !== 1));
  if (sizeOf(kept) !== x.size) {
    throw new ShapeError('squeeze', `axes [${[...dropped]}] are not all of size 1`, [{ name: 'x', shape: x.shape }]);
  }
  return reshape(x, kept);
}
