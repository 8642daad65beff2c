import type { BitTensor, Tensor } from '@mobinet/tensor/functions';
import type { Counts } from './counts.js';
import type { TransformStep } from './transform-steps.js';

export interface OutputTransformAttributes {
  /** The number of weights of a filter, an upper bound of |count|. */
  readonly signs: number;
  /** The steps that turn a count into the output, in order. */
  readonly steps: readonly TransformStep[];
  /** Further steps before the signs of the result are taken; null if no signs are requested. */
  readonly signSteps: readonly TransformStep[] | null;
}

export type OutputTransformInputs = readonly [counts: Counts, vectors: Tensor, ...skips: Tensor[]];
export type OutputTransformOutputs = readonly [output: Tensor, ...outputSigns: BitTensor[]];
