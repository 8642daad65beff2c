import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp, isRecording } from '../../op.js';
import type { InputGradients } from '../../op-definition.js';
import type { Tensor } from '../../tensor.js';
import { flushed } from '../flush.js';
import { sumTo } from '../reduce/sum.js';
import { mul } from './binary.js';
import { greater } from './compare.js';
import { preluGradientKernel, preluSlopeSums } from './prelu.wasm.js';
import { where } from './where.js';

/** The gradients of `prelu`, which one kernel computes together. */
export function preluGradients(dy: Tensor, x: Tensor, slope: Tensor): InputGradients {
  if (isRecording()) {
    // Plain ops, which can be differentiated again.
    const isPositive = greater(x, 0);
    return [() => mul(dy, where(isPositive, 1, slope)), () => sumTo(where(isPositive, 0, mul(dy, x)), slope.shape)];
  }
  let both: [dx: Tensor, dslope: Tensor] | undefined;
  const gradients = () => {
    both ??= apply(preluGradientOp, [dy, x, slope], undefined);
    return both;
  };
  return [() => gradients()[0], () => gradients()[1]];
}

/** ∂L/∂x and ∂L/∂slope of `prelu`. Tiny values of ∂L/∂x are flushed to 0. */
const preluGradientOp = defineOp<[dy: Tensor, x: Tensor, slope: Tensor], [dx: Tensor, dslope: Tensor]>({
  name: 'preluGradient',
  outputs: ([, x, slope]) => [
    { dtype: 'f32', shape: x.shape },
    { dtype: 'f32', shape: slope.shape },
  ],
  reference([{ values: dy }, { values: x }, { values: slope }], [{ values: dx }, { values: dslope }]) {
    const channels = slope.length;
    const sums = new Float64Array(channels);
    for (let row = 0; row < x.length; row += channels) {
      for (let c = 0; c < channels; c++) {
        const at = row + c;
        dx[at] = flushed(x[at] > 0 ? dy[at] : slope[c] * dy[at]);
        if (!(x[at] > 0)) sums[c] += dy[at] * x[at];
      }
    }
    dslope.set(sums);
  },
  fast([dy, x, slope], [dx, dslope]) {
    const [channels, rows] = [slope.size, x.size / slope.size];
    preluGradientKernel.run([dy, x], [slope], dx, rows, channels);
    dslope.values.set(preluSlopeSums.run([dy, x], [], rows, channels)[0]);
  },
  webgpu([dy, x, slope], [dx, dslope]) {
    gpuKernels().preluGradientShader.run([dy, x, slope], dx);
    gpuKernels().preluSlopeShader.run({ dy, x }, { dslope }, {}, x.size / slope.size, slope.size);
  },
});
