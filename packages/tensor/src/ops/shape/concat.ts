import { checkList, checkTensor } from '../../check.js';
import { normalizeAxis } from '../../check-shape.js';
import { type DType, dtypes } from '../../dtype.js';
import { DTypeError, ShapeError } from '../../errors.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import { tidy } from '../../scope.js';
import { type Shape, sameShape, stridesOf } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { type CopyBlock, copyBlock } from './copy-block.js';
import { copyBlockByRows } from './copy-rows.wasm.js';
import { unsqueeze } from './reshape.js';

/**
 * Joins tensors one after another along an axis, which is as long as theirs together.
 *
 * @param tensors At least one. Their shapes are equal but for the axis.
 * @param axis Negative ones count from the end.
 * @throws ShapeError unless there is at least one tensor and all other axes are equal.
 * @throws DTypeError if the dtypes differ.
 * @returns A copy.
 *
 * @example
 * ```ts
 * import { concat, tensor } from '@mobinet/tensor';
 *
 * const [a, b] = [tensor([[1, 2]]), tensor([[3, 4]])];
 * console.log(`[${concat([a, b], 0).shape}] and [${concat([a, b], 1).shape}]`);
 * // → [2,2] and [1,4]
 * ```
 */
export function concat<D extends DType>(tensors: readonly Tensor<D>[], axis: number): Tensor<D> {
  checkTensors('concat', tensors);
  if (tensors.length === 0) throw new ShapeError('concat', 'no tensors', [], 'Pass at least one tensor.');
  return apply(concatOp, tensors, { axis: normalizeAxis('concat', axis, tensors[0].rank) })[0] as Tensor<D>;
}

/** The gradient rule is in deferred-gradient-rules.ts. */
export const concatOp = defineOp<readonly Tensor<DType>[], [Tensor<DType>], { axis: number }>({
  name: 'concat',
  accepts: [dtypes],
  outputs(inputs, { axis }) {
    const [{ dtype, shape }] = inputs;
    checkSameDType('concat', inputs);
    if (!inputs.every((input) => sameShape(input.shape.with(axis, 0), shape.with(axis, 0)))) {
      throw new ShapeError(
        'concat',
        'the shapes of the tensors do not match',
        inputs.map((input, index) => ({ name: `tensors[${index}]`, shape: input.shape, note: input.label })),
        `All axes except ${axis} must be equal.`,
      );
    }
    return [{ dtype, shape: shape.with(axis, startsAlong(axis, shapesOf(inputs)).at(-1)!) }];
  },
  reference: (inputs, [y], { axis }) => join(inputs, y, axis, copyBlock),
  fast: (inputs, [y], { axis }) => join(inputs, y, axis, copyBlockByRows),
  webgpu: (inputs, [y], { axis }) => join(inputs, y, axis, gpuKernels().copyBlockOnGpu),
});

function join(inputs: readonly Tensor<DType>[], y: Tensor<DType>, axis: number, copy: CopyBlock): void {
  const strides = stridesOf(y.shape);
  const starts = startsAlong(axis, shapesOf(inputs));
  inputs.forEach((input, index) => {
    const offset = starts[index] * strides[axis];
    copy(input.shape, { tensor: input, strides: stridesOf(input.shape) }, { tensor: y, strides, offset });
  });
}

const shapesOf = (tensors: readonly Tensor<DType>[]): Shape[] => tensors.map(({ shape }) => shape);

/** The start of each part along the axis, then the end of the last. */
export function startsAlong(axis: number, parts: readonly Shape[]): number[] {
  const starts = [0];
  for (const shape of parts) starts.push(starts.at(-1)! + shape[axis]);
  return starts;
}

/**
 * Joins n tensors of one shape along a new axis: the result is [n, ...shape] for axis 0.
 *
 * @throws ShapeError unless there is at least one tensor and all shapes are equal.
 * @throws DTypeError if the dtypes differ.
 *
 * @example
 * ```ts
 * import { ones, stack, zeros } from '@mobinet/tensor';
 *
 * const images = [zeros([28, 28, 1]), ones([28, 28, 1])];
 * console.log(`a batch of shape [${stack(images).shape}]`);
 * // → a batch of shape [2,28,28,1]
 * ```
 */
export function stack<D extends DType>(tensors: readonly Tensor<D>[], axis = 0): Tensor<D> {
  checkTensors('stack', tensors);
  if (tensors.length === 0) throw new ShapeError('stack', 'no tensors', [], 'Pass at least one tensor.');
  checkSameDType('stack', tensors);
  if (!tensors.every(({ shape }) => sameShape(shape, tensors[0].shape))) {
    throw new ShapeError(
      'stack',
      'the tensors must have the same shape',
      tensors.map(({ shape, label }, index) => ({ name: `tensors[${index}]`, shape, note: label })),
      'Use concat for tensors that differ along one axis.',
    );
  }
  const newAxis = normalizeAxis('stack', axis, tensors[0].rank + 1);
  return tidy(() =>
    concat(
      tensors.map((tensor) => unsqueeze(tensor, newAxis)),
      newAxis,
    ),
  );
}

function checkSameDType(op: string, tensors: readonly Tensor<DType>[]): void {
  if (tensors.every(({ dtype }) => dtype === tensors[0].dtype)) return;
  throw new DTypeError(
    `${op}: all tensors must have the same dtype, not ${tensors.map(({ dtype }) => dtype).join(', ')}`,
  );
}

function checkTensors(op: string, tensors: unknown): void {
  checkList(op, tensors, '[a, b] of tensors');
  for (const [index, tensor] of tensors.entries()) checkTensor(op, tensor, `tensor ${index}`, dtypes);
}
