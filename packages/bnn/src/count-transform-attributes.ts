import type { BitTensor, Tensor } from '@mobinet/tensor';
import type { Counts } from './counts.js';
import type { TransformStep } from './transform-steps.js';

export interface CountTransformAttributes {
  /** The signs of a filter: what no count is larger than. */
  readonly signs: number;
  /** What is done to a count, one after the other. */
  readonly steps: readonly TransformStep[];
  /** What is done to the result before its signs are taken; null where none are wanted. */
  readonly signSteps: readonly TransformStep[] | null;
}

export type CountTransformInputs = readonly [counts: Counts, vectors: Tensor, ...skips: Tensor[]];
export type CountTransformOutputs = readonly [output: Tensor, ...outputSigns: BitTensor[]];
