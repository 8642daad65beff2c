import { type BitTensor, countWords, type Tensor } from '@mobinet/tensor';
import { groupsOf, linear, linearWorkgroup, MapShader, Shader } from '@mobinet/tensor/kernels';
import { bitOfLane, packGroups, packLanes, packWorkgroup, storeWord } from './pack-lanes.wgsl.js';

/** Bit 1 where |x| > 1. */
export function clipMaskOnGpu(x: Tensor, mask: BitTensor): void {
  const words = countWords(mask.shape);
  clipMaskShader.run({ x }, { words: mask }, { words, channels: mask.rowLength }, packGroups(words));
}

const clipMaskShader = new Shader('clip_mask', {
  reads: { x: 'f32' },
  writes: { words: 'u32' },
  parameters: { words: 'u32', channels: 'u32' },
  workgroup: packWorkgroup,
  declarations: packLanes,
  main: `${bitOfLane}
  var isBeyond = false;
  if (isInside) { isBeyond = abs(x[row * p.channels + c]) > 1.0; }
  ${storeWord('isBeyond')}`,
});

/** dy where the mask's bit is 0, else 0. */
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

/** Of dy and x. */
export const passApproxShader = new MapShader('pass_approx', 'select(a * (2.0 - 2.0 * abs(b)), 0.0, abs(b) > 1.0)');
