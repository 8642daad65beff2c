import type { DType, TypedArray } from './dtype.js';
import { formatShape, type Shape } from './shape.js';

/** The number of elements shown at each end of a long axis. */
const edge = 3;

const gap = -1;

/**
 * Formats a tensor like NumPy: nested brackets, aligned columns, long axes shortened.
 *
 *     Tensor<f32> [2, 3]
 *     [[ 1.0000,  2.5000, -3.0000],
 *      [ 0.0000,  0.1250,  4.0000]]
 */
export function formatTensor(dtype: DType, shape: Shape, values: TypedArray): string {
  const shown: number[] = [];
  const visit = (axis: number, offset: number): void => {
    if (axis === shape.length) shown.push(values[offset]);
    else
      for (const index of shownIndices(shape[axis])) if (index !== gap) visit(axis + 1, offset * shape[axis] + index);
  };
  visit(0, 0);
  const format = dtype === 'f32' ? floatFormat(shown) : String;
  const width = shown.reduce((widest, value) => Math.max(widest, format(value).length), 1);

  const render = (axis: number, offset: number): string => {
    if (axis === shape.length) return format(values[offset]).padStart(width);
    const items = shownIndices(shape[axis]).map((index) =>
      index === gap ? '…' : render(axis + 1, offset * shape[axis] + index),
    );
    const separator =
      axis === shape.length - 1 ? ', ' : `,${'\n'.repeat(shape.length - axis - 1)}${' '.repeat(axis + 1)}`;
    return `[${items.join(separator)}]`;
  };
  return `Tensor<${dtype}> ${formatShape(shape)}\n${render(0, 0)}`;
}

/** The indices to show along an axis, with `gap` where some are left out. */
function shownIndices(size: number): number[] {
  const range = (start: number, stop: number) => Array.from({ length: stop - start }, (_, index) => start + index);
  return size <= 2 * edge + 1 ? range(0, size) : [...range(0, edge), gap, ...range(size - edge, size)];
}

/** Chooses one notation for all numbers: fixed-point if their magnitudes are similar, otherwise scientific. */
function floatFormat(values: readonly number[]): (value: number) => string {
  const magnitudes = values.map(Math.abs).filter((value) => Number.isFinite(value) && value > 0);
  const largest = magnitudes.reduce((a, b) => Math.max(a, b), 0);
  const smallest = magnitudes.reduce((a, b) => Math.min(a, b), largest);
  const scientific = largest >= 1e8 || (largest > 0 && largest < 1e-3) || smallest < largest * 1e-6;
  return (value) => {
    if (!Number.isFinite(value)) return String(value).replace('Infinity', 'inf').replace('NaN', 'nan');
    return scientific ? value.toExponential(4) : value.toFixed(4);
  };
}
