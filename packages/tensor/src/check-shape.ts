import { checkList, shown } from './check.js';
import { ShapeError } from './errors.js';
import { formatShape, type Shape, sizeOf } from './shape.js';

/**
 * Returns a copy of a valid shape, because the caller may change theirs.
 *
 * @throws ShapeError unless every axis is an integer of at least 0, and the number of elements is a safe integer.
 */
export function checkShape(op: string, shape: Shape): Shape {
  checkList(op, shape);
  // A copy, because `every` skips the holes of a sparse array.
  if (![...shape].every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw new ShapeError(op, `${formatShape(shape)} is not a shape`, [], 'Every axis is a whole number, 0 or more.');
  }
  if (!Number.isSafeInteger(sizeOf(shape))) {
    throw new ShapeError(op, `${formatShape(shape)} has more elements than a tensor can have`);
  }
  return [...shape];
}

/** Resolves a negative axis, which counts from the end. @throws ShapeError if the axis is out of range. */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  const index = Number.isInteger(axis) && axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || index < 0 || index >= rank) {
    throw new ShapeError(op, `axis ${shown(axis)} is out of range for a tensor of rank ${rank}`);
  }
  return index;
}

/**
 * Resolves a list of axes and sorts it; undefined means all axes.
 *
 * @throws ShapeError if one is out of range or repeated.
 */
export function normalizeAxes(op: string, axes: number | readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, axis) => axis);
  const list = typeof axes === 'number' ? [axes] : axes;
  checkList(op, list, '[0, 1]');
  const normalized = list.map((axis) => normalizeAxis(op, axis, rank));
  if (new Set(normalized).size !== normalized.length) throw new ShapeError(op, `axes [${list}] repeat an axis`);
  return normalized.sort((a, b) => a - b);
}

/**
 * Returns the shape of an element-wise operation on `a` and `b` by NumPy's broadcasting rules: shapes are aligned at
 * their last axes, and an axis that is missing or has size 1 is stretched to the size of the other.
 *
 * @param op The operation, for the message.
 * @param a The shape of one operand.
 * @param b The shape of the other.
 * @throws ShapeError if two aligned axes have different sizes and neither is 1.
 *
 * @example
 * ```ts
 * import { broadcastShapes } from '@mobinet/tensor';
 *
 * console.log(`[${broadcastShapes('add', [8, 1, 3], [4, 1])}]`);
 * // → [8,4,3]
 * ```
 */
export function broadcastShapes(op: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  const shape = new Array<number>(rank);
  for (let back = 1; back <= rank; back++) {
    const sizeA = a[a.length - back] ?? 1;
    const sizeB = b[b.length - back] ?? 1;
    if (sizeA !== sizeB && sizeA !== 1 && sizeB !== 1) {
      throw new ShapeError(
        op,
        `shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast`,
        [
          { name: 'a', shape: a },
          { name: 'b', shape: b },
        ],
        `Counted from the end, axis ${back} must be equal or 1 (here ${sizeA} and ${sizeB}).`,
      );
    }
    shape[rank - back] = sizeA === 1 ? sizeB : sizeA;
  }
  return shape;
}
