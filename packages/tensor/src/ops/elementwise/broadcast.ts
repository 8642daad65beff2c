import type { DType } from '../../dtype.js';
import { type Shape, sizeOf, stridesOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';

/**
 * Visits a run: elements `at` … `end` − 1 of the result, which are consecutive. Operand `k` is read from index
 * `from[k]` on, `step[k]` apart: 1, or 0 where the operand is repeated.
 */
type VisitRun = (at: number, end: number, from: readonly number[], step: readonly number[]) => void;

export interface Axis {
  size: number;
  /** How far apart neighbors along the axis are in each operand. */
  strides: readonly number[];
}

/**
 * Writes f(a, b) for all pairs of elements that broadcasting combines: the definition of arithmetic and comparisons.
 * Results of comparisons become 1 and 0.
 */
export function mapPairs(
  a: Tensor<DType>,
  b: Tensor<DType>,
  y: Tensor<DType>,
  f: (a: number, b: number) => number | boolean,
): void {
  const [aValues, bValues, yValues] = [a.values, b.values, y.values];
  forEachRun(y.shape, [a.shape, b.shape], (at, end, [aAt, bAt], [aStep, bStep]) => {
    for (; at < end; at++, aAt += aStep, bAt += bStep) {
      // A typed array stores true as 1 and false as 0.
      yValues[at] = f(aValues[aAt], bValues[bAt]) as number;
    }
  });
}

/**
 * Walks over a result of this shape in row-major order, together with operands that broadcast to it, in runs as long as
 * possible. Equal shapes are one run; a bias [channels] on [batch, height, width, channels] makes one run for each
 * pixel. Index arithmetic is paid once per run, so that an element costs only what `visit` does with it.
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
      // Like an odometer: this axis starts over, and the next one outwards advances.
      for (let k = 0; k < from.length; k++) from[k] -= size * strides[k];
      index[axis] = 0;
    }
  }
}

/**
 * The axes of `shape` without those of size 1. Neighboring axes are joined where every operand can cross them as one.
 */
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

/**
 * The strides of an operand in a result of `rank` axes, aligned at the last axis: 0 along axes where it is repeated.
 */
function broadcastStrides(operand: Shape, rank: number): number[] {
  const strides = stridesOf(operand).map((stride, axis) => (operand[axis] === 1 ? 0 : stride));
  return [...new Array<number>(rank - operand.length).fill(0), ...strides];
}
