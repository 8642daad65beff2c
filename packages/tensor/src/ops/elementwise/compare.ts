import { broadcastShapes } from '../../check-shape.js';
import type { DType } from '../../dtype.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import type { OpDefinition } from '../../op-definition.js';
import type { Tensor } from '../../tensor.js';
import { forEachRun } from './broadcast.js';
import { type Comparison, compareByKernel } from './compare.wasm.js';
import { type Operands, withTensors } from './operands.js';

// Comparisons, element by element with broadcasting: 1 where they hold, else 0. Nothing flows back through them.
// Each has a loop of its own: one for all of them, which is told what to compare, takes four times as long.

type CompareOp = OpDefinition<[Tensor<DType>, Tensor<DType>], [Tensor<'u8'>]>;

interface Compare {
  <D extends DType>(a: Tensor<D>, b: Tensor<NoInfer<D>> | number): Tensor<'u8'>;
  <D extends DType>(a: number, b: Tensor<D>): Tensor<'u8'>;
}

/** The function of this name. `reference` is its definition, which runs where there is no kernel for the shapes. */
/* @__NO_SIDE_EFFECTS__ */
function comparison(name: Comparison, reference: CompareOp['reference']): Compare {
  const op: CompareOp = defineOp({
    name,
    outputs: ([a, b]) => [{ dtype: 'u8', shape: broadcastShapes(name, a.shape, b.shape) }],
    reference,
    fast([a, b], [y]) {
      if (!compareByKernel(name, a, b, y)) reference([a, b], [y], undefined);
    },
    webgpu: (inputs, [y]) => gpuKernels().compareShaders[name].run(inputs, y, {}),
  });
  return <D extends DType>(...operands: Operands<D>) =>
    withTensors(name, operands, (a, b) => apply(op, [a, b], undefined)[0]);
}

/** a = b. Errors as for `add`. */
export const equal = comparison(
  'equal',
  ([{ values: a, shape: aShape }, { values: b, shape: bShape }], [{ values: y, shape }]) => {
    forEachRun(shape, [aShape, bShape], (at, end, [aAt, bAt], [aStep, bStep]) => {
      for (; at < end; at++, aAt += aStep, bAt += bStep) y[at] = Number(a[aAt] === b[bAt]);
    });
  },
);

/** a ≠ b. Errors as for `add`. */
export const notEqual = comparison(
  'notEqual',
  ([{ values: a, shape: aShape }, { values: b, shape: bShape }], [{ values: y, shape }]) => {
    forEachRun(shape, [aShape, bShape], (at, end, [aAt, bAt], [aStep, bStep]) => {
      for (; at < end; at++, aAt += aStep, bAt += bStep) y[at] = Number(a[aAt] !== b[bAt]);
    });
  },
);

/** a < b. Errors as for `add`. */
export const less = comparison(
  'less',
  ([{ values: a, shape: aShape }, { values: b, shape: bShape }], [{ values: y, shape }]) => {
    forEachRun(shape, [aShape, bShape], (at, end, [aAt, bAt], [aStep, bStep]) => {
      for (; at < end; at++, aAt += aStep, bAt += bStep) y[at] = Number(a[aAt] < b[bAt]);
    });
  },
);

/** a ≤ b. Errors as for `add`. */
export const lessEqual = comparison(
  'lessEqual',
  ([{ values: a, shape: aShape }, { values: b, shape: bShape }], [{ values: y, shape }]) => {
    forEachRun(shape, [aShape, bShape], (at, end, [aAt, bAt], [aStep, bStep]) => {
      for (; at < end; at++, aAt += aStep, bAt += bStep) y[at] = Number(a[aAt] <= b[bAt]);
    });
  },
);

/** a > b. Errors as for `add`. */
export const greater = comparison(
  'greater',
  ([{ values: a, shape: aShape }, { values: b, shape: bShape }], [{ values: y, shape }]) => {
    forEachRun(shape, [aShape, bShape], (at, end, [aAt, bAt], [aStep, bStep]) => {
      for (; at < end; at++, aAt += aStep, bAt += bStep) y[at] = Number(a[aAt] > b[bAt]);
    });
  },
);

/** a ≥ b. Errors as for `add`. */
export const greaterEqual = comparison(
  'greaterEqual',
  ([{ values: a, shape: aShape }, { values: b, shape: bShape }], [{ values: y, shape }]) => {
    forEachRun(shape, [aShape, bShape], (at, end, [aAt, bAt], [aStep, bStep]) => {
      for (; at < end; at++, aAt += aStep, bAt += bStep) y[at] = Number(a[aAt] >= b[bAt]);
    });
  },
);
