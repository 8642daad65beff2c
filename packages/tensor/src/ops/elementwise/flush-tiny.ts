import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { flushed } from '../flush.js';
import { sameShapeAsInput } from './unary.js';
import { flushTinyKernel } from './unary.wasm.js';

/** x with 0 in place of all that is tiny, for gradient rules that are made of other ops: see flush.ts. */
export function flushTiny(x: Tensor): Tensor {
  return apply(flushTinyOp, [x], undefined)[0];
}

const flushTinyOp = defineOp<[Tensor], [Tensor]>({
  name: 'flushTiny',
  outputs: sameShapeAsInput,
  reference([{ values: x }], [{ values: y }]) {
    for (let i = 0; i < x.length; i++) y[i] = flushed(x[i]);
  },
  fast: ([x], [y]) => flushTinyKernel.run([x], y),
  webgpu: ([x], [y]) => gpuKernels().unaryShaders.flushTiny.run([x], y, {}),
  gradient: (dy) => [() => dy],
});
