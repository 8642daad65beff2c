import { checkChoice, checkOptions } from '../../check.js';
import { normalizeAxes } from '../../check-shape.js';
import { type Shape, sizeOf } from '../../shape.js';

/** Options of reductions such as `sum`. */
export interface ReduceOptions {
  /** The axes to reduce; negative ones count from the end. Default: all axes. */
  axes?: number | readonly number[];
  /** Keeps the reduced axes in the result, with size 1, so that it broadcasts against the input. Default false. */
  keepDims?: boolean;
}

/** A reduction of a tensor of a given shape. */
export interface Reduction {
  /** The reduced axes, none of them negative. */
  readonly axes: readonly number[];
  /** The input's shape with 1 on the reduced axes, which broadcasts back to the input. */
  readonly kept: Shape;
  /** The shape of the result: `kept`, with or without the reduced axes. */
  readonly shape: Shape;
  /** The number of elements per result. */
  readonly count: number;
}

/**
 * Works out a reduction of a tensor of this shape.
 *
 * @param names The options of the op, if it has others than `ReduceOptions`.
 * @throws ShapeError if an axis is out of range or named twice; as `checkOptions` for wrong options.
 */
export function reductionOf<O extends ReduceOptions>(
  op: string,
  shape: Shape,
  options: O,
  names: readonly (keyof O & string)[] = ['axes', 'keepDims'],
): Reduction {
  checkOptions(op, options, names);
  const { axes, keepDims = false } = options;
  checkChoice(`${op}: keepDims`, keepDims, [true, false]);
  const reduced = new Set(normalizeAxes(op, axes, shape.length));
  const kept = shape.map((size, axis) => (reduced.has(axis) ? 1 : size));
  return {
    axes: [...reduced],
    kept,
    shape: keepDims ? kept : shape.filter((_, axis) => !reduced.has(axis)),
    count: sizeOf([...reduced].map((axis) => shape[axis])),
  };
}
