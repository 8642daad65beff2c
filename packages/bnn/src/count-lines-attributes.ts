import type { Tensor } from '@mobinet/tensor';
import type { Counts } from './counts.js';

/** The slope may be left out. */
export type FoldLinesInputs = readonly [alpha: Tensor, scale: Tensor, shift: Tensor, ...slope: Tensor[]];

/** The skip may be left out. */
export type CountLinesInputs = readonly [counts: Counts, lines: Tensor, ...skip: Tensor[]];

/** What of each 2×2 pixels remains, where a unit ends in a pool. */
export type LinesPool = 'average' | 'max' | 'min';

export interface CountLinesAttributes {
  /** The signs of a filter: what no count is larger than. */
  readonly signs: number;
  /** How often the skipped input is repeated along the channels; 0 for no skip. */
  readonly skipRepeats: number;
  readonly pool: LinesPool | null;
}
