import { countWords } from '@mobinet/tensor';
import {
  bitOfLane,
  packGroups,
  packLanes,
  packWorkgroup,
  Shader,
  shaderFamily,
  storeWord,
} from '@mobinet/tensor/kernels';
import type {
  CountTransformAttributes,
  CountTransformInputs,
  CountTransformOutputs,
} from './count-transform-attributes.js';
import { type CountType, countOf, countType } from './counts.wgsl.js';
import { keyToSteps, stepper, stepsToKey } from './transform-steps.js';

/** `countTransform`, an invocation for each element. */
export function countTransformOnGpu(
  [counts, vectors, ...skips]: CountTransformInputs,
  [output, ...[outputSigns]]: CountTransformOutputs,
  { signs, steps, signSteps }: CountTransformAttributes,
): void {
  const words = countWords(output.shape);
  const keys = [stepsToKey(steps), signSteps !== null, stepsToKey(signSteps ?? [])] as const;
  transformShader(countType(counts), skips.length, ...keys).run(
    { counts, vectors, ...Object.fromEntries(skips.map((skip, k) => [`skip${k}`, skip])) },
    { y: output, ...(outputSigns ? { words: outputSigns } : {}) },
    { words, channels: vectors.shape[1], signs },
    packGroups(words),
  );
}

const transformShader = shaderFamily(
  (type: CountType, skips: number, steps: string, hasSigns: boolean, signSteps: string) => {
    const lines: string[] = [];
    const named = (expression: string): string => {
      lines.push(`let x${lines.length} = ${expression};`);
      return `x${lines.length - 1}`;
    };
    const take = stepper<string>(
      {
        scale: (x, factor) => named(`${x} * ${factor}`),
        shift: (x, offset) => named(`${x} + ${offset}`),
        prelu: (x, slope) => named(`select(${x} * ${slope}, ${x}, ${x} > 0.0)`),
        relu: (x) => named(`max(${x}, 0.0)`),
      },
      { vector: (row) => `vectors[${row}u * p.channels + c]`, skip: (index) => `skip${index}[at]` },
    );
    const y = take(named(`f32(${countOf(type, 'counts[at]')})`), keyToSteps(steps));
    lines.push(`y[at] = ${y};`);
    // The sign is read off the bits that are stored: no compiler may calculate it in another way. −0 is not below 0.
    if (hasSigns) lines.push(`isBelow = bitcast<u32>(${take(y, keyToSteps(signSteps))}) > 0x80000000u;`);

    const reads: Record<string, 'f32' | CountType> = { counts: type, vectors: 'f32' };
    for (let k = 0; k < skips; k++) reads[`skip${k}`] = 'f32';
    return new Shader<Record<string, 'f32' | CountType>, Record<string, 'f32' | 'u32'>, Record<string, 'u32'>>(
      `count_transform_${type}_${steps}${hasSigns ? `_signs_${signSteps}` : ''}`,
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
  },
);
