import { apply, DTypeError, defineOp, ShapeError, type Tensor } from '@mobinet/tensor';
import { ChannelKernel, i32x4 } from '@mobinet/tensor/kernels';
import { gpuKernels } from './gpu-kernels.js';

/** counts · scale, channel by channel: the integers of a bit convolution to the numbers they stand for. */
export function scaleCounts(counts: Tensor<'i32'>, scale: Tensor): Tensor {
  return apply(scaleCountsOp, [counts, scale], undefined)[0];
}

const scaleCountsOp = defineOp<[Tensor<'i32'>, Tensor], [Tensor]>({
  name: 'scaleCounts',
  outputs([counts, scale]) {
    if (counts.dtype !== 'i32') throw new DTypeError(`scaleCounts: the counts must be i32, not ${counts.dtype}`);
    if (scale.rank !== 1 || scale.shape[0] !== counts.shape[counts.rank - 1]) {
      throw new ShapeError('scaleCounts', 'the scale must have one number for each channel', [
        { name: 'counts', shape: counts.shape, note: counts.label },
        { name: 'scale', shape: scale.shape, note: scale.label },
      ]);
    }
    return [{ dtype: 'f32', shape: counts.shape }];
  },
  reference([{ values: counts }, { values: scale }], [{ values: y }]) {
    for (let row = 0; row < y.length; row += scale.length) {
      for (let c = 0; c < scale.length; c++) y[row + c] = counts[row + c] * scale[c];
    }
  },
  fast: ([counts, scale], [y]) => scaleCountsKernel.run([counts], [scale], y, counts.size / scale.size, scale.size),
  webgpu: ([counts, scale], [y]) => gpuKernels().scaleCountsOnGpu(counts, scale, y),
});

const scaleCountsKernel = new ChannelKernel('scale_counts', 1, 1, ([count], [scale]) => count.mul(scale), {
  load: (address, offset) => i32x4.load(address, offset).toF32x4S(),
});
