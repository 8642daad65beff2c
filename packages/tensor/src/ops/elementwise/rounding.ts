import { zeros } from '../../create.js';
import { apply } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { elementwiseOp } from './elementwise.js';

// Rounding to whole numbers, which stay f32. The results are constant between jumps, so their derivative is 0, as in
// PyTorch.

/**
 * Rounds x down to whole numbers, element by element. The gradient is 0.
 *
 * @example
 * ```ts
 * import { floor, tensor } from '@mobinet/tensor';
 *
 * console.log(`${floor(tensor([-1.5, 0.5, 1.5])).values}`);
 * // → -2,0,1
 * ```
 */
export function floor(x: Tensor): Tensor {
  return apply(floorOp, [x], undefined)[0];
}

const floorOp = elementwiseOp({
  name: 'floor',
  scalar: Math.floor,
  lanes: (x) => x.floor(),
  wgsl: 'floor(x)',
  gradient: (dy) => [() => zeros(dy.shape)],
});

/**
 * Rounds x up to whole numbers, element by element. The gradient is 0.
 *
 * @example
 * ```ts
 * import { ceil, tensor } from '@mobinet/tensor';
 *
 * console.log(`${ceil(tensor([-1.5, 0.5, 1.5])).values}`);
 * // → -1,1,2
 * ```
 */
export function ceil(x: Tensor): Tensor {
  return apply(ceilOp, [x], undefined)[0];
}

const ceilOp = elementwiseOp({
  name: 'ceil',
  scalar: Math.ceil,
  lanes: (x) => x.ceil(),
  wgsl: 'ceil(x)',
  gradient: (dy) => [() => zeros(dy.shape)],
});

/**
 * Rounds x to the nearest whole numbers, element by element. Halves are rounded to even numbers, as in NumPy and
 * PyTorch, and not up, as `Math.round` does. The gradient is 0.
 *
 * @example
 * ```ts
 * import { round, tensor } from '@mobinet/tensor';
 *
 * console.log(`${round(tensor([0.5, 1.5, 2.5, 2.6])).values}`);
 * // → 0,2,2,3
 * ```
 */
export function round(x: Tensor): Tensor {
  return apply(roundOp, [x], undefined)[0];
}

const roundOp = elementwiseOp({
  name: 'round',
  scalar: roundToEven,
  lanes: (x) => x.nearest(),
  wgsl: 'round(x)',
  gradient: (dy) => [() => zeros(dy.shape)],
});

function roundToEven(x: number): number {
  const rounded = Math.round(x);
  const isHalfRoundedToOdd = rounded - x === 0.5 && rounded % 2 !== 0;
  return isHalfRoundedToOdd ? rounded - 1 : rounded;
}

/**
 * Cuts off the fraction of x, element by element, which rounds towards zero. The gradient is 0.
 *
 * @example
 * ```ts
 * import { tensor, trunc } from '@mobinet/tensor';
 *
 * console.log(`${trunc(tensor([-1.5, 0.5, 1.5])).values}`);
 * // → -1,0,1
 * ```
 */
export function trunc(x: Tensor): Tensor {
  return apply(truncOp, [x], undefined)[0];
}

const truncOp = elementwiseOp({
  name: 'trunc',
  scalar: Math.trunc,
  lanes: (x) => x.trunc(),
  wgsl: 'trunc(x)',
  gradient: (dy) => [() => zeros(dy.shape)],
});
