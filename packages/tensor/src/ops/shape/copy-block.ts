import { bytesPerElement, type DType, typedArrayOver } from '../../dtype.js';
import { type Shape, sizeOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { copyRows } from './copy-rows.wasm.js';

/** Where a block of elements lies in a tensor: its element [i, j, …] is at offset + i·strides[0] + j·strides[1] + … */
export interface Layout {
  readonly tensor: Tensor<DType>;
  readonly strides: readonly number[];
  readonly offset?: number;
}

/** The offset of an element from the first. */
export function offsetOf(position: readonly number[], strides: readonly number[]): number {
  return position.reduce((sum, at, axis) => sum + at * strides[axis], 0);
}

export type CopyBlock = (shape: Shape, from: Layout, to: Layout) => void;

/**
 * Copies a block of elements of this shape from one layout to another of the same dtype.
 *
 * Most shape ops are this copy with layouts of their own: transposing permutes strides, broadcasting sets them to 0,
 * slicing moves the offset of the source, padding and concatenation that of the destination.
 */
export function copyBlock(shape: Shape, from: Layout, to: Layout): void {
  if (sizeOf(shape) === 0) return;
  const { sizes, fromStrides, toStrides } = joinAxes(shape, from.strides, to.strides);
  const [source, target] = [bitsOf(from.tensor), bitsOf(to.tensor)];
  const last = sizes.length - 1;
  const copyAxes = (axis: number, fromAt: number, toAt: number): void => {
    if (axis === last) copyRun(sizes[axis], source, fromAt, fromStrides[axis], target, toAt, toStrides[axis]);
    else {
      for (let i = 0; i < sizes[axis]; i++) {
        copyAxes(axis + 1, fromAt + i * fromStrides[axis], toAt + i * toStrides[axis]);
      }
    }
  };
  copyAxes(0, from.offset ?? 0, to.offset ?? 0);
}

/** The same by a kernel, where elements lie side by side along the last axis at both ends. */
export function copyBlockByRows(shape: Shape, from: Layout, to: Layout): void {
  const { sizes, fromStrides, toStrides } = joinAxes(shape, from.strides, to.strides);
  if (sizeOf(shape) === 0 || fromStrides.at(-1) !== 1 || toStrides.at(-1) !== 1) {
    copyBlock(shape, from, to);
    return;
  }
  const width = bytesPerElement(from.tensor.dtype);
  const rowLength = sizes.pop()!;
  const rows = sizes.pop() ?? 1;
  const [fromStride, toStride] = [width * (fromStrides[sizes.length] ?? 0), width * (toStrides[sizes.length] ?? 0)];
  const copyAxes = (axis: number, fromAt: number, toAt: number): void => {
    if (axis === sizes.length) {
      const source = { address: from.tensor.address + width * fromAt, stride: fromStride };
      copyRows(rows, width * rowLength, source, { address: to.tensor.address + width * toAt, stride: toStride });
    } else {
      for (let i = 0; i < sizes[axis]; i++) {
        copyAxes(axis + 1, fromAt + i * fromStrides[axis], toAt + i * toStrides[axis]);
      }
    }
  };
  copyAxes(0, from.offset ?? 0, to.offset ?? 0);
}

/** Neighbouring axes that both layouts cross in even steps become one, so that runs are as long as can be. */
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

/** A copy moves bits, whatever they mean: with one element type for each width, its loop runs twice as fast. */
export function bitsOf({ dtype, values }: Tensor<DType>): Bits {
  const { buffer, byteOffset, length } = values;
  return typedArrayOver(typeOfWidth[bytesPerElement(dtype) as keyof typeof typeOfWidth], buffer, byteOffset, length);
}

const typeOfWidth = { 1: 'u8', 2: 'i16', 4: 'u32' } as const;

export type Bits = Uint8Array | Int16Array | Uint32Array;

/** Below this length the loop beats `set`, whose call and subarray cost as much as 80 elements. */
const shortRun = 80;

/** Copies `length` elements that lie a stride apart. */
export function copyRun(
  length: number,
  from: Bits,
  fromAt: number,
  fromStride: number,
  to: Bits,
  toAt: number,
  toStride: number,
): void {
  if (fromStride === 1 && toStride === 1 && length > shortRun) {
    to.set(from.subarray(fromAt, fromAt + length), toAt);
    return;
  }
  for (let i = 0; i < length; i++) {
    to[toAt] = from[fromAt];
    fromAt += fromStride;
    toAt += toStride;
  }
}
