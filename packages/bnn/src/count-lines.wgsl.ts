import { type BitTensor, countWords, type Tensor } from '@mobinet/tensor';
import {
  bitOfLane,
  groupsOf,
  linear,
  linearWorkgroup,
  packGroups,
  packLanes,
  packWorkgroup,
  Shader,
  shaderFamily,
  storeWord,
} from '@mobinet/tensor/kernels';
import type { CountLinesAttributes, CountLinesInputs, FoldLinesInputs, LinesPool } from './count-lines-attributes.js';
import { type CountType, countOf, countType } from './counts.wgsl.js';

/** `foldLines`, an invocation for each channel. */
export function foldLinesOnGpu([alpha, scale, shift, ...[slope]]: FoldLinesInputs, lines: Tensor): void {
  const reads = { alpha, scale, shift, ...(slope ? { slope } : {}) };
  foldShader(slope !== undefined).run(reads, { lines }, { channels: alpha.size }, groupsOf(alpha.size));
}

const foldShader = shaderFamily((hasSlope: boolean) => {
  const reads: Record<string, 'f32'> = { alpha: 'f32', scale: 'f32', shift: 'f32' };
  if (hasSlope) reads.slope = 'f32';
  return new Shader(`fold_lines${hasSlope ? '_slope' : ''}`, {
    reads,
    writes: { lines: 'f32' },
    parameters: { channels: 'u32' },
    workgroup: linearWorkgroup,
    main: `${linear('p.channels')}
  let plus = alpha[i] * scale[i];
  lines[i] = plus;
  lines[p.channels + i] = plus * ${hasSlope ? 'slope[i]' : '0.0'};
  lines[2u * p.channels + i] = shift[i];`,
  });
});

/** `countLines`, an invocation for each element of the output. */
export function countLinesOnGpu(
  [counts, lines, ...[skip]]: CountLinesInputs,
  [output, outputSigns]: readonly [Tensor, BitTensor],
  { signs, skipRepeats, pool }: CountLinesAttributes,
): void {
  const [, height, width, channels] = counts.shape;
  const [, outHeight, outWidth] = output.shape;
  const words = countWords(outputSigns.shape);
  const numbers = { words, channels, skipChannels: skip ? channels / skipRepeats : channels, signs };
  const reads = { counts, lines, ...(skip ? { skip } : {}) };
  linesShader(countType(counts), skip !== undefined, pool ?? 'none').run(
    reads,
    { y: output, words: outputSigns },
    { ...numbers, height, width, outHeight, outWidth },
    packGroups(words),
  );
}

const pools: Record<LinesPool, string> = {
  average: '(((v0 + v1) + v2) + v3) * 0.25',
  max: 'max(max(v0, v1), max(v2, v3))',
  min: 'min(min(v0, v1), min(v2, v3))',
};

const linesShader = shaderFamily((type: CountType, hasSkip: boolean, pool: LinesPool | 'none') => {
  const reads: Record<string, 'f32' | CountType> = { counts: type, lines: 'f32' };
  if (hasSkip) reads.skip = 'f32';
  return new Shader(`count_lines_${type}_${pool}${hasSkip ? '_skip' : ''}`, {
    reads,
    writes: { y: 'f32', words: 'u32' },
    parameters: {
      ...({ words: 'u32', channels: 'u32', skipChannels: 'u32', signs: 'u32' } as const),
      ...({ height: 'u32', width: 'u32', outHeight: 'u32', outWidth: 'u32' } as const),
    },
    workgroup: packWorkgroup,
    declarations: `${packLanes}
fn element(pixel: u32, c: u32) -> f32 {
  let stored = counts[pixel * p.channels + c];
  let count = ${countOf(type, 'stored')};
  let slope = lines[select(p.channels, 0u, count >= 0) + c];
  let shift = lines[2u * p.channels + c]${hasSkip ? ' + skip[pixel * p.skipChannels + c % p.skipChannels]' : ''};
  return slope * f32(count) + shift;
}`,
    // The sign is read off the bits that are stored: no compiler may calculate it in another way. −0 is not below 0.
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

const pooled = (value: string): string => `let line = row / p.outWidth;
    let image = line / p.outHeight;
    let first = (image * p.height + 2u * (line % p.outHeight)) * p.width + 2u * (row % p.outWidth);
    let v0 = element(first, c);
    let v1 = element(first + 1u, c);
    let v2 = element(first + p.width, c);
    let v3 = element(first + p.width + 1u, c);
    let value = ${value};`;
