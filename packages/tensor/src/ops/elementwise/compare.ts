import type { DType } from '../../dtype.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp, type OpDefinition } from '../../op.js';
import { broadcastShapes } from '../../shape.js';
import type { Tensor } from '../../tensor.js';
import { forEachRun } from './broadcast.js';
import { type Comparison, compareByKernel } from './compare.wasm.js';
import { type Operands, withTensors } from './operands.js';

// Comparisons, element by element with broadcasting: 1 where they hold, else 0. Nothing flows back through them.
// `Number(…)` of a comparison is a flag of the processor as it is; `… ? 1 : 0` would be a branch, often mispredicted.

type Pair = [Tensor<DType>, Tensor<DType>];

/** Runs the kernel of a comparison where there is one for the shapes, else its definition. */
function compare(op: OpDefinition<Pair, [Tensor<'u8'>]>, [a, b]: Pair, [y]: [Tensor<'u8'>]): void {
  if (!compareByKernel(op.name as Comparison, a, b, y)) op.reference([a, b], [y], undefined);
}

/** a = b. Errors as for `add`. */
export function equal<D extends DType>(a: Tensor<D>, b: Tensor<NoInfer<D>> | number): Tensor<'u8'>;
export function equal<D extends DType>(a: number, b: Tensor<D>): Tensor<'u8'>;
export function equal<D extends DType>(...operands: Operands<D>): Tensor<'u8'> {
  return withTensors('equal', operands, (a, b) => apply(equalOp, [a, b], undefined)[0]);
}

const equalOp = defineOp<Pair, [Tensor<'u8'>]>({
  name: 'equal',
  outputs: ([a, b]) => [{ dtype: 'u8', shape: broadcastShapes('equal', a.shape, b.shape) }],
  reference([{ values: a, shape: aShape }, { values: b, shape: bShape }], [{ values: y, shape }]) {
    forEachRun(shape, [aShape, bShape], (at, end, [aAt, bAt], [aStep, bStep]) => {
      for (; at < end; at++, aAt += aStep, bAt += bStep) y[at] = Number(a[aAt] === b[bAt]);
    });
  },
  fast: (inputs, outputs) => compare(equalOp, inputs, outputs),
  webgpu: (inputs, [y]) => gpuKernels().compareShaders.equal.run(inputs, y, {}),
});

/** a ≠ b. Errors as for `add`. */
export function notEqual<D extends DType>(a: Tensor<D>, b: Tensor<NoInfer<D>> | number): Tensor<'u8'>;
export function notEqual<D extends DType>(a: number, b: Tensor<D>): Tensor<'u8'>;
export function notEqual<D extends DType>(...operands: Operands<D>): Tensor<'u8'> {
  return withTensors('notEqual', operands, (a, b) => apply(notEqualOp, [a, b], undefined)[0]);
}

const notEqualOp = defineOp<Pair, [Tensor<'u8'>]>({
  name: 'notEqual',
  outputs: ([a, b]) => [{ dtype: 'u8', shape: broadcastShapes('notEqual', a.shape, b.shape) }],
  reference([{ values: a, shape: aShape }, { values: b, shape: bShape }], [{ values: y, shape }]) {
    forEachRun(shape, [aShape, bShape], (at, end, [aAt, bAt], [aStep, bStep]) => {
      for (; at < end; at++, aAt += aStep, bAt += bStep) y[at] = Number(a[aAt] !== b[bAt]);
    });
  },
  fast: (inputs, outputs) => compare(notEqualOp, inputs, outputs),
  webgpu: (inputs, [y]) => gpuKernels().compareShaders.notEqual.run(inputs, y, {}),
});

/** a < b. Errors as for `add`. */
export function less<D extends DType>(a: Tensor<D>, b: Tensor<NoInfer<D>> | number): Tensor<'u8'>;
export function less<D extends DType>(a: number, b: Tensor<D>): Tensor<'u8'>;
export function less<D extends DType>(...operands: Operands<D>): Tensor<'u8'> {
  return withTensors('less', operands, (a, b) => apply(lessOp, [a, b], undefined)[0]);
}

const lessOp = defineOp<Pair, [Tensor<'u8'>]>({
  name: 'less',
  outputs: ([a, b]) => [{ dtype: 'u8', shape: broadcastShapes('less', a.shape, b.shape) }],
  reference([{ values: a, shape: aShape }, { values: b, shape: bShape }], [{ values: y, shape }]) {
    forEachRun(shape, [aShape, bShape], (at, end, [aAt, bAt], [aStep, bStep]) => {
      for (; at < end; at++, aAt += aStep, bAt += bStep) y[at] = Number(a[aAt] < b[bAt]);
    });
  },
  fast: (inputs, outputs) => compare(lessOp, inputs, outputs),
  webgpu: (inputs, [y]) => gpuKernels().compareShaders.less.run(inputs, y, {}),
});

/** a ≤ b. Errors as for `add`. */
export function lessEqual<D extends DType>(a: Tensor<D>, b: Tensor<NoInfer<D>> | number): Tensor<'u8'>;
export function lessEqual<D extends DType>(a: number, b: Tensor<D>): Tensor<'u8'>;
export function lessEqual<D extends DType>(...operands: Operands<D>): Tensor<'u8'> {
  return withTensors('lessEqual', operands, (a, b) => apply(lessEqualOp, [a, b], undefined)[0]);
}

const lessEqualOp = defineOp<Pair, [Tensor<'u8'>]>({
  name: 'lessEqual',
  outputs: ([a, b]) => [{ dtype: 'u8', shape: broadcastShapes('lessEqual', a.shape, b.shape) }],
  reference([{ values: a, shape: aShape }, { values: b, shape: bShape }], [{ values: y, shape }]) {
    forEachRun(shape, [aShape, bShape], (at, end, [aAt, bAt], [aStep, bStep]) => {
      for (; at < end; at++, aAt += aStep, bAt += bStep) y[at] = Number(a[aAt] <= b[bAt]);
    });
  },
  fast: (inputs, outputs) => compare(lessEqualOp, inputs, outputs),
  webgpu: (inputs, [y]) => gpuKernels().compareShaders.lessEqual.run(inputs, y, {}),
});

/** a > b. Errors as for `add`. */
export function greater<D extends DType>(a: Tensor<D>, b: Tensor<NoInfer<D>> | number): Tensor<'u8'>;
export function greater<D extends DType>(a: number, b: Tensor<D>): Tensor<'u8'>;
export function greater<D extends DType>(...operands: Operands<D>): Tensor<'u8'> {
  return withTensors('greater', operands, (a, b) => apply(greaterOp, [a, b], undefined)[0]);
}

const greaterOp = defineOp<Pair, [Tensor<'u8'>]>({
  name: 'greater',
  outputs: ([a, b]) => [{ dtype: 'u8', shape: broadcastShapes('greater', a.shape, b.shape) }],
  reference([{ values: a, shape: aShape }, { values: b, shape: bShape }], [{ values: y, shape }]) {
    forEachRun(shape, [aShape, bShape], (at, end, [aAt, bAt], [aStep, bStep]) => {
      for (; at < end; at++, aAt += aStep, bAt += bStep) y[at] = Number(a[aAt] > b[bAt]);
    });
  },
  fast: (inputs, outputs) => compare(greaterOp, inputs, outputs),
  webgpu: (inputs, [y]) => gpuKernels().compareShaders.greater.run(inputs, y, {}),
});

/** a ≥ b. Errors as for `add`. */
export function greaterEqual<D extends DType>(a: Tensor<D>, b: Tensor<NoInfer<D>> | number): Tensor<'u8'>;
export function greaterEqual<D extends DType>(a: number, b: Tensor<D>): Tensor<'u8'>;
export function greaterEqual<D extends DType>(...operands: Operands<D>): Tensor<'u8'> {
  return withTensors('greaterEqual', operands, (a, b) => apply(greaterEqualOp, [a, b], undefined)[0]);
}

const greaterEqualOp = defineOp<Pair, [Tensor<'u8'>]>({
  name: 'greaterEqual',
  outputs: ([a, b]) => [{ dtype: 'u8', shape: broadcastShapes('greaterEqual', a.shape, b.shape) }],
  reference([{ values: a, shape: aShape }, { values: b, shape: bShape }], [{ values: y, shape }]) {
    forEachRun(shape, [aShape, bShape], (at, end, [aAt, bAt], [aStep, bStep]) => {
      for (; at < end; at++, aAt += aStep, bAt += bStep) y[at] = Number(a[aAt] >= b[bAt]);
    });
  },
  fast: (inputs, outputs) => compare(greaterEqualOp, inputs, outputs),
  webgpu: (inputs, [y]) => gpuKernels().compareShaders.greaterEqual.run(inputs, y, {}),
});
