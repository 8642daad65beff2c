import type { Tensor } from '@mobinet/tensor/functions';
import type { Counts } from './counts.js';

/** The slope is optional. */
export type FoldInputs = readonly [alpha: Tensor, scale: Tensor, shift: Tensor, ...slope: Tensor[]];

/** The skip is optional. */
export type FoldedOutputTransformInputs = readonly [counts: Counts, folded: Tensor, ...skip: Tensor[]];

/** The statistic that a 2×2 pool at the end of a unit computes. */
export type OutputPool = 'average' | 'max' | 'min';

/** Attributes of `foldedOutputTransform`. */
export interface FoldedOutputTransformAttributes {
  /** The number of weights of a filter, an upper bound of |count|. */
  readonly signs: number;
  /** How often the skip is repeated along the channels; 0 for no skip. */
  readonly skipRepeats: number;
  /** The pool that follows, with stride 2; null for none. */
  readonly pool: OutputPool | null;
}
