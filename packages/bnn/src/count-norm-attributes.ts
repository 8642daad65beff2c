import type { Tensor } from '@mobinet/tensor';
import type { Counts } from './counts.js';

export interface CountNormAttributes {
  /** What no count is larger than: the signs of a filter. */
  readonly signs: number;
  readonly epsilon: number;
  /** How often the skipped input is repeated along the channels. */
  readonly skipRepeats: number;
}

/** The skip may be left out. */
export type CountNormInputs = readonly [
  counts: Counts,
  scale: Tensor,
  slope: Tensor,
  gamma: Tensor,
  beta: Tensor,
  ...skip: Tensor[],
];

export type GradientInputs = readonly [
  dy: Tensor,
  counts: Counts,
  scale: Tensor,
  slope: Tensor,
  gamma: Tensor,
  mean: Tensor,
  variance: Tensor,
];
