import { type BitTensor, countWords, type Tensor } from '@mobinet/tensor/functions';
import {
  bitOfLane,
  elementAt,
  groupsOf,
  linear,
  linearWorkgroup,
  memoize,
  packGroups,
  packLanes,
  packWorkgroup,
  Shader,
  storeWord,
} from '@mobinet/tensor/kernels';
import { type CountType, countOf } from './counts.wgsl.js';
import type {
  FoldedOutputTransformAttributes,
  FoldedOutputTransformInputs,
  FoldInputs,
  OutputPool,
} from './folded-output-transform-attributes.js';

/** `foldOutputTransform`, one invocation per channel. */
export function foldOutputTransformOnGpu([alpha, scale, shift, ...[slope]]: FoldInputs, folded: Tensor): void {
  const reads = { alpha, scale, shift, ...(slope ? { slope } : {}) };
  foldShader(slope !== undefined).run(reads, { folded }, { channels: alpha.size }, groupsOf(alpha.size));
}

const foldShader = memoize((hasSlope: boolean) => {
  const reads: Record<string, 'f32'> = { alpha: 'f32', scale: 'f32', shift: 'f32' };
  if (hasSlope) reads.slope = 'f32';
  return new Shader(`fold_output_transform${hasSlope ? '_slope' : ''}`, {
    reads,
    writes: { folded: 'f32' },
    parameters: { channels: 'u32' },
    workgroup: linearWorkgroup,
    main: `${linear('p.channels')}
  let positive = alpha[i] * scale[i];
  folded[i] = positive;
  folded[p.channels + i] = positive * ${hasSlope ? 'slope[i]' : '0.0'};
  folded[2u * p.channels + i] = shift[i];`,
  });
});

/** `foldedOutputTransform`, one invocation per output element. */
export function foldedOutputTransformOnGpu(
  [counts, folded, ...[skip]]: FoldedOutputTransformInputs,
  [output, outputSigns]: readonly [Tensor, BitTensor],
  { signs, skipRepeats, pool }: FoldedOutputTransformAttributes,
): void {
  const [, height, width, channels] = counts.shape;
  const [, outHeight, outWidth] = output.shape;
  const words = countWords(outputSigns.shape);
  const numbers = { words, channels, skipChannels: skip ? channels / skipRepeats : channels, signs };
  const reads = { counts, folded, ...(skip ? { skip } : {}) };
  transformShader(counts.dtype, skip !== undefined, pool ?? 'none').run(
    reads,
    { y: output, words: outputSigns },
    { ...numbers, height, width, outHeight, outWidth },
    packGroups(words),
  );
}

const pools: Record<OutputPool, string> = {
  average: '(((v0 + v1) + v2) + v3) * 0.25',
  max: 'max(max(v0, v1), max(v2, v3))',
  min: 'min(min(v0, v1), min(v2, v3))',
};

const transformShader = memoize((type: CountType, hasSkip: boolean, pool: OutputPool | 'none') => {
  const reads: Record<string, 'f32' | CountType> = { counts: type, folded: 'f32' };
  if (hasSkip) reads.skip = 'f32';
  return new Shader(`folded_output_transform_${type}_${pool}${hasSkip ? '_skip' : ''}`, {
    reads,
    writes: { y: 'f32', words: 'u32' },
    parameters: {
      words: 'u32',
      channels: 'u32',
      skipChannels: 'u32',
      signs: 'u32',
      height: 'u32',
      width: 'u32',
      outHeight: 'u32',
      outWidth: 'u32',
    },
    workgroup: packWorkgroup,
    declarations: `${packLanes}
fn element(pixel: u32, c: u32) -> f32 {
  let stored = ${elementAt('counts', type, 'pixel * p.channels + c')};
  let count = ${countOf(type, 'stored')};
  let factor = folded[select(p.channels, 0u, count >= 0) + c];
  let shift = folded[2u * p.channels + c]${hasSkip ? ' + skip[pixel * p.skipChannels + c % p.skipChannels]' : ''};
  return factor * f32(count) + shift;
}`,
    // The sign is read from the stored bits, so that no compiler can recompute it differently. −0 is not below 0.
    main: `${bitOfLane}
  var isBelow = false;
  if (isInside) {
    ${pool === 'none' ? 'let value = element(row, c);' : pooled(pools[pool])}
    y[row * p.channels + c] = value;
    isBelow = bitcast<u32>(value) > 0x80000000u;
  }
  ${storeWord('isBelow')}`,
  });
});

const pooled = (value: string): string => `let outRow = row / p.outWidth;
    let image = outRow / p.outHeight;
    let first = (image * p.height + 2u * (outRow % p.outHeight)) * p.width + 2u * (row % p.outWidth);
    let v0 = element(first, c);
    let v1 = element(first + 1u, c);
    let v2 = element(first + p.width, c);
    let v3 = element(first + p.width + 1u, c);
    let value = ${value};`;
