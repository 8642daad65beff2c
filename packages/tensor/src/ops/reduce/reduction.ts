import { checkRecord } from '../../check.js';
import { normalizeAxes } from '../../check-shape.js';
import { type Shape, sizeOf } from '../../shape.js';

export interface ReduceOptions {
  /** The axes that vanish; negative ones count from the end. Default: all of them. */
  axes?: number | readonly number[];
  /** Leaves the reduced axes in the result, with size 1, so that it broadcasts against the input. Default false. */
  keepDims?: boolean;
}

/** What a reduction makes of a shape. */
export interface Reduction {
  /** The axes that are reduced, from 0 on. */
  readonly axes: readonly number[];
  /** The input's shape with 1 on the reduced axes: it broadcasts back to the input. */
  readonly kept: Shape;
  /** The shape of the result: `kept`, with the reduced axes left in or taken out. */
  readonly shape: Shape;
  /** How many elements each result is made of. */
  readonly count: number;
}

export function reductionOf(op: string, shape: Shape, options: ReduceOptions): Reduction {
  // A list of axes in place of the options would be taken for options that say nothing.
  const { axes, keepDims = false } = options;
  checkRecord(`${op}: options`, options);
  const reduced = new Set(normalizeAxes(op, axes, shape.length));
  const kept = shape.map((size, axis) => (reduced.has(axis) ? 1 : size));
  return {
    axes: [...reduced],
    kept,
    shape: keepDims ? kept : shape.filter((_, axis) => !reduced.has(axis)),
    count: sizeOf([...reduced].map((axis) => shape[axis])),
  };
}
