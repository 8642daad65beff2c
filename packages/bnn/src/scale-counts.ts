import { apply, DTypeError, defineOp, ShapeError, type Tensor } from '@mobinet/tensor/functions';
import { gpuKernels } from './gpu-kernels.js';
import { scaleCountsByKernel } from './scale-counts.wasm.js';

/**
 * counts · α, channel by channel: from the integers of a bit convolution to the output of the binary convolution.
 *
 * @param counts i32 [..., channels]
 * @param alpha f32 [channels]
 * @returns f32 [..., channels]
 * @throws DTypeError if the counts are not i32, ShapeError if α does not fit.
 * @example
 * ```ts
 * import { scaleCounts } from '@mobinet/bnn/kernels';
 * import { tensor } from '@mobinet/tensor';
 *
 * console.log(`${scaleCounts(tensor([[2, -4]], { dtype: 'i32' }), tensor([0.5, 0.25])).values}`);
 * // → 1,-1
 * ```
 */
export function scaleCounts(counts: Tensor<'i32'>, alpha: Tensor): Tensor {
  return apply(scaleCountsOp, [counts, alpha], undefined)[0];
}

const scaleCountsOp = defineOp<[Tensor<'i32'>, Tensor], [Tensor]>({
  name: 'scaleCounts',
  accepts: [['i32'], ['f32']],
  outputs([counts, alpha]) {
    if (counts.dtype !== 'i32') throw new DTypeError(`scaleCounts: the counts must be i32, not ${counts.dtype}`);
    if (alpha.rank !== 1 || alpha.shape[0] !== counts.shape[counts.rank - 1]) {
      throw new ShapeError('scaleCounts', 'alpha must have one number per channel', [
        { name: 'counts', shape: counts.shape, note: counts.label },
        { name: 'alpha', shape: alpha.shape, note: alpha.label },
      ]);
    }
    return [{ dtype: 'f32', shape: counts.shape }];
  },
  reference([{ values: counts }, { values: alpha }], [{ values: y }]) {
    for (let row = 0; row < y.length; row += alpha.length) {
      for (let c = 0; c < alpha.length; c++) y[row + c] = counts[row + c] * alpha[c];
    }
  },
  fast: ([counts, alpha], [y]) => scaleCountsByKernel(counts, alpha, y),
  webgpu: ([counts, alpha], [y]) => gpuKernels().scaleCountsOnGpu(counts, alpha, y),
});
