import { type Shape, sizeOf, stridesOf } from '../shape.js';

/** Visits each line along `axis`: the elements at from, from + stride, … below `end`. */
export function forEachLine(
  shape: Shape,
  axis: number,
  visit: (from: number, end: number, stride: number) => void,
): void {
  const stride = stridesOf(shape)[axis];
  const length = shape[axis] * stride;
  const size = length * sizeOf(shape.slice(0, axis));
  for (let block = 0; block < size; block += length) {
    for (let from = block; from < block + stride; from++) visit(from, block + length, stride);
  }
}
