import { countWords } from '@mobinet/tensor/functions';
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
import { type CountType, countOf } from './counts.wgsl.js';
import type {
  OutputTransformAttributes,
  OutputTransformInputs,
  OutputTransformOutputs,
} from './output-transform-attributes.js';
import { keyToSteps, skipNames, stepper, stepsToKey } from './transform-steps.js';

/** `outputTransform`, one invocation per element. */
export function outputTransformOnGpu(
  [counts, vectors, ...skips]: OutputTransformInputs,
  [output, ...[outputSigns]]: OutputTransformOutputs,
  { signs, steps, signSteps }: OutputTransformAttributes,
): void {
  const words = countWords(output.shape);
  const keys = [stepsToKey(steps), signSteps !== null, stepsToKey(signSteps ?? [])] as const;
  transformShader(counts.dtype, ...keys).run(
    { counts, vectors, ...Object.fromEntries(skips.map((skip, k) => [`skip${k}`, skip])) },
    { y: output, ...(outputSigns ? { words: outputSigns } : {}) },
    { words, channels: vectors.shape[1], signs },
    packGroups(words),
  );
}

const transformShader = memoize((type: CountType, steps: string, hasSigns: boolean, signSteps: string) => {
  const lines: string[] = [];
  const named = (expression: string): string => {
    lines.push(`let x${lines.length} = ${expression};`);
    return `x${lines.length - 1}`;
  };
  const applySteps = stepper<string>(
    {
      scale: (x, factor) => named(`${x} * ${factor}`),
      shift: (x, offset) => named(`${x} + ${offset}`),
      prelu: (x, slope) => named(`select(${x} * ${slope}, ${x}, ${x} > 0.0)`),
      relu: (x) => named(`max(${x}, 0.0)`),
    },
    { vector: (row) => `vectors[${row}u * p.channels + c]`, skip: (index) => `skip${index}[at]` },
  );
  const y = applySteps(named(`f32(${countOf(type, elementAt('counts', type, 'at'))})`), keyToSteps(steps));
  lines.push(`y[at] = ${y};`);
  // The sign is read from the stored bits, so that no compiler can recompute it differently. −0 is not below 0.
  if (hasSigns) lines.push(`isBelow = bitcast<u32>(${applySteps(y, keyToSteps(signSteps))}) > 0x80000000u;`);

  const reads: Record<string, 'f32' | CountType> = { counts: type, vectors: 'f32' };
  for (const name of skipNames([...keyToSteps(steps), ...keyToSteps(signSteps)])) reads[name] = 'f32';
  return new Shader<Record<string, 'f32' | CountType>, Record<string, 'f32' | 'u32'>, Record<string, 'u32'>>(
    `output_transform_${type}_${steps}${hasSigns ? `_signs_${signSteps}` : ''}`,
    {
      reads,
      writes: { y: 'f32', ...(hasSigns ? { words: 'u32' } : {}) },
      parameters: { words: 'u32', channels: 'u32', signs: 'u32' },
      workgroup: packWorkgroup,
      declarations: hasSigns ? packLanes : '',
      main: `${bitOfLane}
  var isBelow = false;
  if (isInside) {
    let at = row * p.channels + c;
    ${lines.join('\n    ')}
  }
  ${hasSigns ? storeWord('isBelow') : ''}`,
    },
  );
});
