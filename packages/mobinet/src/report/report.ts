import type { EpochMetrics } from '../training/run.js';
import type { Predictions } from './predictions.js';
import type { Weights } from './weight-values.js';

/** The contents of a report. Each part may be missing. */
export interface Report {
  readonly title: string;
  /** What stands below the title. */
  readonly subtitle: string;
  /** The most important numbers. */
  readonly facts: readonly Fact[];
  readonly curves?: Curves | undefined;
  /** Weights of the network that the run ended with. */
  readonly weights?: Weights | undefined;
  readonly validation?: Validation | undefined;
}

/** A number with its name. */
export interface Fact {
  readonly name: string;
  readonly value: string;
}

/** What was measured after each epoch. */
export interface Curves {
  readonly history: readonly EpochMetrics[];
  readonly labelSmoothing: number;
  /** As in `TrainingOptions`: 0 if images are not mixed. */
  readonly mixup: number;
}

/** Predictions for the validation images. */
export interface Validation {
  readonly predictions: Predictions;
  /** Which network they come from. */
  readonly network: string;
}
