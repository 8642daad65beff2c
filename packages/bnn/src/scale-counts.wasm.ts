import type { Tensor } from '@mobinet/tensor/functions';
import { ChannelKernel, i32x4 } from '@mobinet/tensor/kernels';

const kernel = new ChannelKernel('scale_counts', 1, 1, ([count], [alpha]) => count.mul(alpha), {
  load: (address, offset) => i32x4.load(address, offset).toF32x4S(),
});

export function scaleCountsByKernel(counts: Tensor<'i32'>, alpha: Tensor, y: Tensor): void {
  kernel.run([counts], [alpha], y, counts.size / alpha.size, alpha.size);
}
