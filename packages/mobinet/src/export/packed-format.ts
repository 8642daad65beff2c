import { type DType, type Shape, wordsPerRow } from '@mobinet/tensor';
import { imageNetNormalization } from '../data/augment.js';
import type { Preprocessing } from '../data/prepare.js';
import type { MoBiNetOptions } from '../model/options.js';
import { type NetworkPlan, planNetwork, type SegmentPlan, weightsPerFilter } from '../model/plan.js';

/**
 * The packed file: safetensors with one bit for each binary weight.
 *
 * | tensor | dtype, shape | |
 * |---|---|---|
 * | `stem.weight` | f32 [filters, 3, 3, 3] | |
 * | `units.N.SEGMENT.signs` | u32 [filters, words] | the n weights of a filter as bits, 1 for −1, first in the lowest bit |
 * | `units.N.SEGMENT.alpha` | f32 [filters] | α = mean of the latent weights' magnitudes |
 * | `….slope` | f32 [channels] | PReLU; absent after a ReLU |
 * | `….scale`, `….shift` | f32 [channels] | BatchNorm folded: y = x·scale + shift |
 * | `classifier.weight`, `classifier.bias` | f32 [classes, features], [classes] | |
 *
 * Its metadata hold the options, the classes, how images are made ready, and a checksum over all of it (checked-file.ts).
 */
export interface PackedSpec {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  /** Of rows of bits: how many are used. The rest of a row's last word is 0. */
  readonly rowBits?: number;
}

/** What the file says of itself, beside the tensors. */
export interface PackedInfo {
  readonly options: MoBiNetOptions;
  /** Names of the classes, in the order of the logits. */
  readonly classes?: readonly string[];
  /** How images are made ready for it. */
  readonly preprocessing?: Preprocessing;
}

/** What is assumed where a file, made of an untrained network say, tells nothing of images. As in the paper: they are scaled to a
 * little more than what is cut, and normalised with the statistics of ImageNet. */
export function usualPreprocessing({ imageSize }: Pick<MoBiNetOptions, 'imageSize'>): Preprocessing {
  return { resize: Math.round((imageSize * 256) / 224), normalization: imageNetNormalization };
}

export function packedMetadata({ options, classes, preprocessing }: Partial<PackedInfo>): Record<string, string> {
  return {
    ...(options && { options: JSON.stringify(options) }),
    ...(classes && { classes: JSON.stringify(classes) }),
    ...(preprocessing && { preprocessing: JSON.stringify(preprocessing) }),
  };
}

/** Every tensor of the packed file, in its order. */
export function packedSpecs(options: MoBiNetOptions, plan: NetworkPlan = planNetwork(options)): PackedSpec[] {
  const { outChannels } = plan.stem;
  return [
    { name: 'stem.weight', dtype: 'f32', shape: [outChannels, 3, 3, 3] },
    ...channelSpecs('stem', outChannels, 'prelu'),
    ...plan.units.flatMap(({ segments }, unit) =>
      segments.flatMap((segment) => {
        const prefix = segmentPrefix(unit, segment);
        const rowBits = weightsPerFilter(segment);
        return [
          {
            name: `${prefix}.signs`,
            dtype: 'u32',
            shape: [segment.outChannels, wordsPerRow(rowBits)],
            rowBits,
          } as const,
          { name: `${prefix}.alpha`, dtype: 'f32', shape: [segment.outChannels] } as const,
          ...channelSpecs(prefix, segment.outChannels, options.activation),
        ];
      }),
    ),
    { name: 'classifier.weight', dtype: 'f32', shape: [options.classes, plan.features] },
    { name: 'classifier.bias', dtype: 'f32', shape: [options.classes] },
  ];
}

export function segmentPrefix(unit: number, { name }: SegmentPlan): string {
  return `units.${unit}.${name}`;
}

function channelSpecs(prefix: string, channels: number, activation: MoBiNetOptions['activation']): PackedSpec[] {
  const names = activation === 'prelu' ? ['slope', 'scale', 'shift'] : ['scale', 'shift'];
  return names.map((name) => ({ name: `${prefix}.${name}`, dtype: 'f32', shape: [channels] }));
}
