import { checkList } from './check.js';
import { ShapeError } from './errors.js';
import { formatShape, type Shape, sizeOf } from './shape.js';

/** A copy of `shape` (the caller may change theirs). Throws unless every axis is a whole number of at least 0, and all elements can be counted. */
export function checkShape(op: string, shape: Shape): Shape {
  checkList(op, shape);
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw new ShapeError(op, `${formatShape(shape)} is not a shape`, [], 'Every axis is a whole number, 0 or more.');
  }
  if (!Number.isSafeInteger(sizeOf(shape))) {
    throw new ShapeError(op, `${formatShape(shape)} has more elements than there can be`);
  }
  return [...shape];
}

/** Turns a negative axis, counted from the end, into its index. */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  const index = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || index < 0 || index >= rank) {
    throw new ShapeError(op, `axis ${axis} is out of range for a tensor of rank ${rank}`);
  }
  return index;
}

/** Like `normalizeAxis` for a list; undefined means all axes. Sorted, without repeats. */
export function normalizeAxes(op: string, axes: number | readonly number[] | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, axis) => axis);
  const list = typeof axes === 'number' ? [axes] : axes;
  const normalized = list.map((axis) => normalizeAxis(op, axis, rank));
  if (new Set(normalized).size !== normalized.length) throw new ShapeError(op, `axes [${list}] name one axis twice`);
  return normalized.sort((a, b) => a - b);
}

/**
 * The shape of `a ∘ b` under NumPy's broadcasting: shapes are aligned at their last axis,
 * and an axis of size 1, or a missing one, stretches to its partner's size.
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
