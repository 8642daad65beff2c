import { bytesPerElement, type DType, typedArrayOver } from '../../dtype.js';
import { type Shape, sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';

/** A block of elements in a tensor: element [i, j, …] is at index offset + i·strides[0] + j·strides[1] + … */
export interface Layout {
  readonly tensor: Tensor<DType>;
  readonly strides: readonly number[];
  readonly offset?: number;
}

/** The index of an element, counted from the first. */
export function offsetOf(position: readonly number[], strides: readonly number[]): number {
  return position.reduce((sum, at, axis) => sum + at * strides[axis], 0);
}

export type CopyBlock = (shape: Shape, from: Layout, to: Layout) => void;

/**
 * Copies a block of elements of this shape from one layout to another of the same dtype.
 *
 * Most shape ops are this copy with particular layouts: transposition permutes the strides, broadcasting sets them to
 * 0, slicing moves the offset of the source, and padding and concatenation move that of the destination.
 */
export function copyBlock(shape: Shape, from: Layout, to: Layout): void {
  if (sizeOf(shape) === 0) return;
  const { sizes, fromStrides, toStrides } = joinAxes(shape, from.strides, to.strides);
  const last = sizes.length - 1;
  const source = { bits: bitsOf(from.tensor), stride: fromStrides[last] };
  const target = { bits: bitsOf(to.tensor), stride: toStrides[last] };
  const copyAxes = (axis: number, fromAt: number, toAt: number): void => {
    if (axis === last) copyRun(sizes[last], source, fromAt, target, toAt);
    else {
      for (let i = 0; i < sizes[axis]; i++) {
        copyAxes(axis + 1, fromAt + i * fromStrides[axis], toAt + i * toStrides[axis]);
      }
    }
  };
  copyAxes(0, from.offset ?? 0, to.offset ?? 0);
}

/** Joins neighboring axes that both layouts cross in even steps, so that runs are as long as possible. */
export function joinAxes(shape: Shape, from: readonly number[], to: readonly number[]) {
  const sizes = [1];
  const fromStrides = [1];
  const toStrides = [1];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] === 1) continue;
    if (sizes[0] === 1) {
      sizes[0] = shape[axis];
      fromStrides[0] = from[axis];
      toStrides[0] = to[axis];
    } else if (from[axis] === sizes[0] * fromStrides[0] && to[axis] === sizes[0] * toStrides[0]) {
      sizes[0] *= shape[axis];
    } else {
      sizes.unshift(shape[axis]);
      fromStrides.unshift(from[axis]);
      toStrides.unshift(to[axis]);
    }
  }
  return { sizes, fromStrides, toStrides };
}

/** The elements as bits. With one array type per element width, not one per dtype, a copy's loop is twice as fast. */
export function bitsOf({ dtype, values }: Tensor<DType>): Bits {
  const { buffer, byteOffset, length } = values;
  return typedArrayOver(typeOfWidth[bytesPerElement(dtype) as keyof typeof typeOfWidth], buffer, byteOffset, length);
}

const typeOfWidth = { 1: 'u8', 2: 'i16', 4: 'u32' } as const;

type Bits = Uint8Array | Int16Array | Uint32Array;

/** Below this length a loop is faster than `set`, whose call and subarray cost as much as 80 elements. */
const shortRun = 80;

/** Elements that are `stride` apart. */
interface Strided {
  readonly bits: Bits;
  readonly stride: number;
}

/** Copies `length` elements from index `fromAt` on to index `toAt` on. */
export function copyRun(length: number, from: Strided, fromAt: number, to: Strided, toAt: number): void {
  const { bits: source, stride: fromStride } = from;
  const { bits: target, stride: toStride } = to;
  if (fromStride === 1 && toStride === 1 && length > shortRun) {
    target.set(source.subarray(fromAt, fromAt + length), toAt);
    return;
  }
  for (let i = 0; i < length; i++) {
    target[toAt] = source[fromAt];
    fromAt += fromStride;
    toAt += toStride;
  }
}
