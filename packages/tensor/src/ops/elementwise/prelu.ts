import { ShapeError } from '../../errors.js';
import { gpuKernels } from '../../gpu-kernels.js';
import { apply, defineOp } from '../../op.js';
import type { Tensor } from '../../tensor.js';
import { preluKernel } from './prelu.wasm.js';

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

/** The gradient rule is in deferred-gradient-rules.ts. */
export const preluOp = defineOp<[Tensor, Tensor], [Tensor], undefined, [Tensor, Tensor]>({
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
});
