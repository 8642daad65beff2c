/** The sizes of the axes, outermost first. `[]` is the shape of a scalar. Tensors are contiguous and row-major. */
export type Shape = readonly number[];

/**
 * The number of elements: the product of the sizes, and 1 for a scalar.
 *
 * @example
 * ```ts
 * import { sizeOf } from '@mobinet/tensor';
 *
 * console.log(`${sizeOf([2, 3, 4])}, ${sizeOf([])}`);
 * // → 24, 1
 * ```
 */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const axis of shape) size *= axis;
  return size;
}

/**
 * The row-major strides: for each axis, the distance in elements between neighbors along it.
 *
 * @example
 * ```ts
 * import { stridesOf } from '@mobinet/tensor';
 *
 * console.log(`${stridesOf([2, 3, 4])}`); // element [i, j, k] is at 12·i + 4·j + k
 * // → 12,4,1
 * ```
 */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/**
 * Whether two shapes are equal.
 *
 * @example
 * ```ts
 * import { sameShape } from '@mobinet/tensor';
 *
 * console.log(`${sameShape([2, 3], [2, 3])}, ${sameShape([2, 3], [3, 2])}`);
 * // → true, false
 * ```
 */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** Formats a shape for messages: `[2, 3]`. */
export function formatShape(shape: Shape): string {
  // Also for what is not a shape, in messages: `join` shows undefined as nothing, and throws for a symbol.
  return `[${shape.map(String).join(', ')}]`;
}
