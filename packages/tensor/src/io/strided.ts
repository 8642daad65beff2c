import type { Shape } from '../shape.js';

/**
 * Copies a strided array into row-major order. The first element is at `offset`. The indices advance like an odometer
 * whose last wheel is the inner loop.
 */
export function copyStrided(
  source: ArrayLike<number>,
  offset: number,
  strides: readonly number[],
  shape: Shape,
  target: { [index: number]: number; readonly length: number },
): void {
  const last = shape.length - 1;
  const inner = last < 0 ? 1 : shape[last];
  const innerStride = last < 0 ? 0 : strides[last];
  const index = new Array<number>(shape.length).fill(0);
  let from = offset;
  for (let to = 0; to < target.length; to += inner) {
    for (let i = 0; i < inner; i++) target[to + i] = source[from + i * innerStride];
    for (let axis = last - 1; axis >= 0; axis--) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}
