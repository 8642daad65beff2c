import {
  checkNumber,
  checkOptions,
  checkTensor,
  reshape,
  ShapeError,
  sizeOf,
  type Tensor,
} from '@mobinet/tensor/functions';
import { Module } from '../module.js';

/** Options of `Flatten`. */
export interface FlattenOptions {
  /** The first of the axes that become one. Negative ones count from the end. Default 1, after that of the batch. */
  startAxis?: number;
  /** The last of them. Default −1, the last axis. */
  endAxis?: number;
}

/**
 * Makes one axis of several, by default [batch, ...] to [batch, size]. The result is a view that shares memory with x.
 *
 * It is `Flatten` of PyTorch, but images are [batch, height, width, channels] here, so the elements are in another
 * order: the weights of a `Linear` after it must be permuted if they come from PyTorch.
 *
 * @example
 * ```ts
 * import { Flatten } from '@mobinet/autograd';
 * import { zeros } from '@mobinet/tensor';
 *
 * console.log(`${new Flatten().forward(zeros([5, 2, 3, 4])).shape}`);
 * console.log(`${new Flatten({ startAxis: 0, endAxis: -2 }).forward(zeros([5, 2, 3, 4])).shape}`);
 * // → 5,24
 * // → 30,4
 * ```
 */
export class Flatten extends Module {
  /** The first of the axes that become one. */
  readonly startAxis: number;
  /** The last of them. */
  readonly endAxis: number;

  /** @throws RangeError if an axis is not a whole number, or for an unknown option. */
  constructor(options: FlattenOptions = {}) {
    super();
    checkOptions('Flatten', options, ['startAxis', 'endAxis']);
    this.startAxis = checkNumber('Flatten: startAxis', options.startAxis ?? 1, { isWhole: true });
    this.endAxis = checkNumber('Flatten: endAxis', options.endAxis ?? -1, { isWhole: true });
  }

  override forward(x: Tensor): Tensor {
    checkTensor('Flatten', x);
    const { rank, shape } = x;
    const [start, end] = [this.startAxis, this.endAxis].map((axis) => (axis < 0 ? axis + rank : axis));
    if (start < 0 || end >= rank || start > end) {
      throw new ShapeError('Flatten', `x has no axes from ${this.startAxis} to ${this.endAxis}`, [
        { name: 'x', shape },
      ]);
    }
    const merged = sizeOf(shape.slice(start, end + 1));
    return reshape(x, [...shape.slice(0, start), merged, ...shape.slice(end + 1)]);
  }
}
