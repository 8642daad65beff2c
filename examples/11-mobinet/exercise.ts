import type { Parameter } from '@mobinet/autograd';
import type { Tensor } from '@mobinet/tensor';
import type { NetworkPlan, SegmentPlan } from 'mobinet';
import { todo } from '../lib/todo.js';

/**
 * Exercise 1: how many different values can a channel have after a segment without a skip connection, whose padding
 * is +1? PReLU and BatchNorm map each number to one number, so only the counts of the convolution matter.
 */
export function possibleValues({ kernel, inChannels, groups }: SegmentPlan): number {
  return todo('a filter of n weights has counts n − 2·d, where d of its signs differ');
}

/**
 * Exercise 2: the FLOPs of a MoBiNet for one image, as the paper counts them: the multiply-adds of the stem (a 3×3
 * convolution of 3 channels) and of the classifier, and those of the binary convolutions divided by 64.
 */
export function flopsOf(plan: NetworkPlan, classes: number): number {
  return todo(
    'sum size² · outChannels · (weights per filter) over the convolutions, with features · classes for the last',
  );
}

/**
 * Exercise 3: x as it is added to an output with more channels: repeated along the channels.
 *
 * @param x [batch, height, width, channels]
 * @param channels A multiple of the channels of x.
 */
export function skip(x: Tensor, channels: number): Tensor {
  return todo('concatenate x with itself along the last axis');
}

/** What a segment learns. */
export interface SegmentParameters {
  readonly weight: Parameter;
  readonly slope: Tensor;
  readonly gamma: Tensor;
  readonly beta: Tensor;
}

/**
 * Exercise 4: a segment in training, sign → binary convolution · α → PReLU → BatchNorm, plus the skip connection.
 *
 * @param x [batch, height, width, channels]
 */
export function segment(x: Tensor, parameters: SegmentParameters, groups: number): Tensor {
  return todo('use `binaryConv2d` with padding `same`, `prelu`, `batchNorm` and the `skip` of exercise 3');
}
