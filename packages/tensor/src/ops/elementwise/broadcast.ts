import { type Shape, sizeOf, stridesOf } from '../../shape.js';

/**
 * Elements `at` … `end` of the result, which follow one another in the result and in each operand `k`: there they start
 * at `from[k]` and go on by `step[k]`, which is 1, or 0 where the operand stretches.
 */
export type VisitRun = (at: number, end: number, from: readonly number[], step: readonly number[]) => void;

export interface Axis {
  size: number;
  /** How far a step along the axis takes each operand. */
  strides: readonly number[];
}

/**
 * Walks over a result of this shape in its order, together with operands that broadcast to it, in runs as long as they
 * can be. Equal shapes are one run; a bias [channels] on [batch, height, width, channels] makes a run of each pixel.
 * Index arithmetic is paid once a run, so what `visit` does with an element is all that an element costs.
 */
export function forEachRun(shape: Shape, operands: readonly Shape[], visit: VisitRun): void {
  const total = sizeOf(shape);
  const outer = collapsedAxes(shape, operands);
  const inner = outer.pop() ?? { size: 1, strides: operands.map(() => 0) };
  const from = operands.map(() => 0);
  const index = outer.map(() => 0);
  for (let at = 0; at < total; at += inner.size) {
    visit(at, at + inner.size, from, inner.strides);
    for (let axis = outer.length - 1; axis >= 0; axis--) {
      const { size, strides } = outer[axis];
      for (let k = 0; k < from.length; k++) from[k] += strides[k];
      if (++index[axis] < size) break;
      // Like an odometer: this axis starts over, and the next one outwards moves on.
      for (let k = 0; k < from.length; k++) from[k] -= size * strides[k];
      index[axis] = 0;
    }
  }
}

/** The axes of `shape` without those of size 1, and with neighbours joined where every operand goes through both as one. */
export function collapsedAxes(shape: Shape, operands: readonly Shape[]): Axis[] {
  const strides = operands.map((operand) => broadcastStrides(operand, shape.length));
  const axes: Axis[] = [];
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const here = strides.map((operand) => operand[axis]);
    const outside = axes.at(-1);
    if (outside?.strides.every((stride, k) => stride === size * here[k])) {
      outside.size *= size;
      outside.strides = here;
    } else {
      axes.push({ size, strides: here });
    }
  });
  return axes;
}

/** Strides of an operand aligned at its last axis with a result of `rank` axes: 0 where it stretches. */
function broadcastStrides(operand: Shape, rank: number): number[] {
  const strides = stridesOf(operand).map((stride, axis) => (operand[axis] === 1 ? 0 : stride));
  return [...new Array<number>(rank - operand.length).fill(0), ...strides];
}
