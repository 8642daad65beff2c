import type { Tensor } from '@mobinet/tensor/functions';
import type { Counts } from './counts.js';

/** Attributes of `scalePreluBatchNorm` and its gradient. */
export interface ScalePreluBatchNormAttributes {
  /** The number of weights of a filter, an upper bound of |count|. */
  readonly signs: number;
  /** ε of the batch normalization. */
  readonly epsilon: number;
  /** How often the skip is repeated along the channels. */
  readonly skipRepeats: number;
}

/** The skip is optional. */
export type ScalePreluBatchNormInputs = readonly [
  counts: Counts,
  alpha: Tensor,
  slope: Tensor,
  gamma: Tensor,
  beta: Tensor,
  ...skip: Tensor[],
];

export type GradientInputs = readonly [
  dy: Tensor,
  counts: Counts,
  alpha: Tensor,
  slope: Tensor,
  gamma: Tensor,
  mean: Tensor,
  variance: Tensor,
];
