import type { Tensor } from '@mobinet/tensor';
import { groupsOf, linear, linearWorkgroup, Shader } from '@mobinet/tensor/kernels';

/** counts · scale, channel by channel. */
export function scaleCountsOnGpu(counts: Tensor<'i32'>, scale: Tensor, y: Tensor): void {
  scaleCountsShader.run({ counts, scale }, { y }, { count: y.size, channels: scale.size }, groupsOf(y.size));
}

const scaleCountsShader = new Shader('scale_counts', {
  reads: { counts: 'i32', scale: 'f32' },
  writes: { y: 'f32' },
  parameters: { count: 'u32', channels: 'u32' },
  workgroup: linearWorkgroup,
  main: `${linear('p.count')}
  y[i] = f32(counts[i]) * scale[i % p.channels];`,
});
