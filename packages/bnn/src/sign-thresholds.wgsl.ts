import { type BitTensor, countWords, type Tensor } from '@mobinet/tensor/functions';
import {
  bitOfLane,
  elementAt,
  memoize,
  packGroups,
  packLanes,
  packWorkgroup,
  Shader,
  storeWord,
} from '@mobinet/tensor/kernels';
import type { Counts } from './counts.js';
import type { CountType } from './counts.wgsl.js';

/** `signThresholds`, one invocation per count. */
export function signThresholdsOnGpu(counts: Counts, thresholds: Tensor<'i16'>, signs: BitTensor): void {
  const words = countWords(signs.shape);
  const numbers = { words, channels: signs.rowLength };
  thresholdsShader(counts.dtype).run({ counts, thresholds }, { words: signs }, numbers, packGroups(words));
}

const thresholdsShader = memoize(
  (type: CountType) =>
    new Shader(`sign_thresholds_${type}`, {
      reads: { counts: type, thresholds: 'i16' },
      writes: { words: 'u32' },
      parameters: { words: 'u32', channels: 'u32' },
      workgroup: packWorkgroup,
      declarations: packLanes,
      main: `${bitOfLane}
  var isBelow = false;
  if (isInside) {
    let distance = i32(${elementAt('counts', type, 'row * p.channels + c')}) - thresholdsAt(c);
    // An interval may have up to 65535 counts: its size is stored in an i16, but read as unsigned.
    let isBetween = distance >= 0 && distance < (thresholdsAt(p.channels + c) & 0xffff);
    isBelow = isBetween != (thresholdsAt(2u * p.channels + c) == 1);
  }
  ${storeWord('isBelow')}`,
    }),
);
