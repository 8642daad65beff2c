import type { Shape } from '../shape.js';

/**
 * Copies elements that lie anyhow (`strides` apart on each axis, the first at `offset`) into row-major order:
 * an odometer over the indices, whose last wheel is the inner loop.
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
