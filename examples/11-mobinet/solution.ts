import { binaryConv2d } from '@mobinet/bnn';
import { add, batchNorm, concat, prelu, type Tensor } from '@mobinet/tensor';
import type { NetworkPlan, SegmentPlan } from 'mobinet';
import type { SegmentParameters } from './exercise.js';

export type { SegmentParameters };

const weightsPerFilter = ({ kernel, inChannels, groups }: SegmentPlan): number => kernel ** 2 * (inChannels / groups);

/** d is a number from 0 to n. */
export function possibleValues(plan: SegmentPlan): number {
  return weightsPerFilter(plan) + 1;
}

export function flopsOf({ stem, units, features }: NetworkPlan, classes: number): number {
  const binary = units
    .flatMap(({ segments }) => segments)
    .reduce((sum, plan) => sum + plan.size ** 2 * plan.outChannels * weightsPerFilter(plan), 0);
  return stem.outSize ** 2 * stem.outChannels * 3 * 3 * 3 + features * classes + binary / 64;
}

export function skip(x: Tensor, channels: number): Tensor {
  const repeats = channels / x.shape[3];
  if (repeats === 1) return x;
  return concat(
    Array.from({ length: repeats }, () => x),
    -1,
  );
}

export function segment(x: Tensor, { weight, slope, gamma, beta }: SegmentParameters, groups: number): Tensor {
  const y = binaryConv2d(x, weight, { groups, padding: 'same' });
  return add(batchNorm(prelu(y, slope), gamma, beta).output, skip(x, weight.shape[0]));
}
