import { checkElement, checkList } from '../../check.js';
import { type DType, dtypes } from '../../dtype.js';
import { ShapeError } from '../../errors.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import { stridesOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { type CopyBlock, copyBlock, offsetOf } from './copy-block.js';
import { copyBlockByRows } from './copy-rows.wasm.js';
import { slice } from './slice.js';

/** The numbers of elements to add before and after an axis. */
export type AxisPadding = readonly [before: number, after: number];

/**
 * Surrounds x with a border of `value`: axis `i` grows by `pads[i]`. The inverse of `slice`.
 *
 * @param value Default 0.
 * @throws ShapeError unless there is a pair of whole numbers, 0 or more, for every axis; TypeError if the value is not
 *   a number.
 *
 * @example
 * ```ts
 * import { pad, tensor } from '@mobinet/tensor';
 *
 * console.log(`${pad(tensor([[1, 2]]), [[1, 0], [0, 1]])}`); // a row above, a column at the right
 * // → Tensor<f32> [2, 3]
 * // → [[0.0000, 0.0000, 0.0000],
 * // →  [1.0000, 2.0000, 0.0000]]
 * ```
 */
export function pad<D extends DType>(x: Tensor<D>, pads: readonly AxisPadding[], value = 0): Tensor<D> {
  checkList('pad', pads, '[[1, 1], [0, 2]]');
  checkElement('pad: value', value);
  return apply(padOp, [x], { pads, value })[0] as Tensor<D>;
}

interface PadAttributes {
  readonly pads: readonly AxisPadding[];
  readonly value: number;
}

const padOp = defineOp<[Tensor<DType>], [Tensor<DType>], PadAttributes>({
  name: 'pad',
  accepts: [dtypes],
  outputs([{ dtype, shape }], { pads }) {
    const isPair = (counts: AxisPadding): boolean =>
      Array.isArray(counts) && counts.length === 2 && counts.every((count) => Number.isInteger(count) && count >= 0);
    if (pads.length !== shape.length || !pads.every(isPair)) {
      throw new ShapeError(
        'pad',
        `pads ${JSON.stringify(pads)} do not match the axes of x`,
        [{ name: 'x', shape }],
        'Give [before, after] for each axis, both 0 or more. To remove elements, use slice.',
      );
    }
    return [{ dtype, shape: shape.map((size, axis) => pads[axis][0] + size + pads[axis][1]) }];
  },
  reference: ([x], [y], attributes) => surround(x, y, attributes, copyBlock),
  fast: ([x], [y], attributes) => surround(x, y, attributes, copyBlockByRows),
  webgpu: ([x], [y], attributes) => surround(x, y, attributes, gpuKernels().copyBlockOnGpu, gpuKernels().fillOnGpu),
  gradient(dy, { attributes: { pads }, inputShapes: [shape] }) {
    const start = pads.map(([before]) => before);
    const end = shape.map((size, axis) => start[axis] + size);
    return [() => slice(dy, start, end)];
  },
});

function surround(
  x: Tensor<DType>,
  y: Tensor<DType>,
  { pads, value }: PadAttributes,
  copy: CopyBlock,
  fill = ({ values }: Tensor<DType>, value: number): unknown => values.fill(value),
): void {
  fill(y, value);
  const strides = stridesOf(y.shape);
  const before = pads.map(([count]) => count);
  const offset = offsetOf(before, strides);
  copy(x.shape, { tensor: x, strides: stridesOf(x.shape) }, { tensor: y, strides, offset });
}
