import type { BitTensor, Tensor } from '@mobinet/tensor/functions';
import { groupsOf, linear, linearWorkgroup, Shader } from '@mobinet/tensor/kernels';

/** dy where the bit of the mask is 0, else 0. */
export function passClippedOnGpu(dy: Tensor, mask: BitTensor, dx: Tensor): void {
  passClippedShader.run({ dy, mask }, { dx }, { count: dx.size, channels: mask.rowLength }, groupsOf(dx.size));
}

const passClippedShader = new Shader('pass_clipped', {
  reads: { dy: 'f32', mask: 'u32' },
  writes: { dx: 'f32' },
  parameters: { count: 'u32', channels: 'u32' },
  workgroup: linearWorkgroup,
  main: `${linear('p.count')}
  let c = i % p.channels;
  let word = mask[(i / p.channels) * ((p.channels + 31u) / 32u) + c / 32u];
  dx[i] = select(dy[i], 0.0, ((word >> (c % 32u)) & 1u) == 1u);`,
});
