import { ShapeError } from '../../errors.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp, isRecording } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { flushed } from '../flush.js';
import { sumTo } from '../reduce/sum.js';
import { mul } from './binary.js';
import { greater } from './compare.js';
import { preluGradientKernel, preluKernel, preluSlopeSums } from './prelu.wasm.js';
import { where } from './where.js';

/**
 * Computes the parametric rectifier, with a learned slope for each channel: x where x > 0, else slope · x (He et al.,
 * "Delving deep into rectifiers", 2015). At 0 the derivative is the slope, as in PyTorch.
 *
 * @param x [..., channels].
 * @param slope [channels].
 * @returns f32 of the shape of x.
 * @throws ShapeError unless there is one slope per channel.
 *
 * @example
 * ```ts
 * import { prelu, tensor } from '@mobinet/tensor';
 *
 * const x = tensor([[-8, 1], [-8, 1]]);
 * console.log(`${prelu(x, tensor([0.5, 0.25])).values}`);
 * // → -4,1,-4,1
 * ```
 */
export function prelu(x: Tensor, slope: Tensor): Tensor {
  return apply(preluOp, [x, slope], undefined)[0];
}

const preluOp = defineOp<[Tensor, Tensor], [Tensor], undefined, [Tensor, Tensor]>({
  name: 'prelu',
  outputs([x, slope]) {
    if (x.rank === 0 || slope.rank !== 1 || slope.size !== x.shape[x.rank - 1]) {
      throw new ShapeError(
        'prelu',
        'slope must have one element per channel of x',
        [
          { name: 'x', shape: x.shape, note: '…, channels' },
          { name: 'slope', shape: slope.shape, note: slope.label ?? 'channels' },
        ],
        'The channels are the last axis of x.',
      );
    }
    return [{ dtype: 'f32', shape: x.shape }];
  },
  reference([{ values: x }, { values: slope }], [{ values: y }]) {
    const channels = slope.length;
    for (let row = 0; row < x.length; row += channels) {
      for (let c = 0; c < channels; c++) {
        y[row + c] = x[row + c] > 0 ? x[row + c] : slope[c] * x[row + c];
      }
    }
  },
  fast: ([x, slope], [y]) => preluKernel.run([x], [slope], y, x.size / slope.size, slope.size),
  webgpu: (inputs, [y]) => gpuKernels().preluShader.run(inputs, y),
  inPlace: true,
  saves: (inputs) => inputs,
  gradient(dy, { saved: [x, slope] }) {
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
  },
});

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
