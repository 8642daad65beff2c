// y = a ∘ b for operands of y's shape, four elements a step: bookkeeping (the counter, the bounds, where each array lies)
// is most of what the plain loop does, and is now paid every fourth time. The sums are the same to the last bit.

import type { TypedArray } from '../../dtype.js';

export function addUnrolled(a: TypedArray, b: TypedArray, y: TypedArray): void {
  const unrolled = y.length - (y.length % 4);
  for (let i = 0; i < unrolled; i += 4) {
    const y0 = a[i] + b[i];
    const y1 = a[i + 1] + b[i + 1];
    const y2 = a[i + 2] + b[i + 2];
    const y3 = a[i + 3] + b[i + 3];
    y[i] = y0;
    y[i + 1] = y1;
    y[i + 2] = y2;
    y[i + 3] = y3;
  }
  for (let i = unrolled; i < y.length; i++) y[i] = a[i] + b[i];
}

export function mulUnrolled(a: TypedArray, b: TypedArray, y: TypedArray): void {
  const unrolled = y.length - (y.length % 4);
  for (let i = 0; i < unrolled; i += 4) {
    const y0 = a[i] * b[i];
    const y1 = a[i + 1] * b[i + 1];
    const y2 = a[i + 2] * b[i + 2];
    const y3 = a[i + 3] * b[i + 3];
    y[i] = y0;
    y[i + 1] = y1;
    y[i + 2] = y2;
    y[i + 3] = y3;
  }
  for (let i = unrolled; i < y.length; i++) y[i] = a[i] * b[i];
}
