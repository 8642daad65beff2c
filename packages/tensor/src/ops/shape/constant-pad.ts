import { shown } from '../../check.js';
import { type DType, dtypes } from '../../dtype.js';
import { ShapeError } from '../../errors.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import { type Shape, stridesOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { type CopyBlock, copyBlock, offsetOf } from './copy-block.js';
import { copyBlockByRows } from './copy-rows.wasm.js';
import { slice } from './slice.js';

/** The numbers of elements to add before and after an axis. */
export type AxisPadding = readonly [before: number, after: number];

/** `pad` with mode 'constant', the inverse of `slice`. It is a file of its own because `slice` needs no other mode. */
export function constantPad<D extends DType>(x: Tensor<D>, pads: readonly AxisPadding[], value: number): Tensor<D> {
  return apply(padOp, [x], { pads, value })[0] as Tensor<D>;
}

/** @throws ShapeError unless there is a pair of counts for every axis. */
export function checkPads(shape: Shape, pads: readonly AxisPadding[]): void {
  const isPair = (counts: AxisPadding): boolean =>
    Array.isArray(counts) && counts.length === 2 && [...counts].every((count) => Number.isInteger(count) && count >= 0);
  if (pads.length === shape.length && [...pads].every(isPair)) return;
  throw new ShapeError(
    'pad',
    `pads ${shown(pads)} do not match the axes of x`,
    [{ name: 'x', shape }],
    'Give [before, after] for each axis, both 0 or more. To remove elements, use slice.',
  );
}

interface PadAttributes {
  readonly pads: readonly AxisPadding[];
  readonly value: number;
}

const padOp = defineOp<[Tensor<DType>], [Tensor<DType>], PadAttributes>({
  name: 'pad',
  accepts: [dtypes],
  outputs([{ dtype, shape }], { pads }) {
    checkPads(shape, pads);
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
