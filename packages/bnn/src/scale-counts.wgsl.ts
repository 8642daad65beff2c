import type { Tensor } from '@mobinet/tensor/functions';
import { groupsOf, linear, linearWorkgroup, Shader } from '@mobinet/tensor/kernels';

/** `scaleCounts`, one invocation per element. */
export function scaleCountsOnGpu(counts: Tensor<'i32'>, alpha: Tensor, y: Tensor): void {
  scaleCountsShader.run({ counts, alpha }, { y }, { count: y.size, channels: alpha.size }, groupsOf(y.size));
}

const scaleCountsShader = new Shader('scale_counts', {
  reads: { counts: 'i32', alpha: 'f32' },
  writes: { y: 'f32' },
  parameters: { count: 'u32', channels: 'u32' },
  workgroup: linearWorkgroup,
  main: `${linear('p.count')}
  y[i] = f32(counts[i]) * alpha[i % p.channels];`,
});
