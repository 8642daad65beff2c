import type { NumberRange } from '@mobinet/tensor';

/** The numbers that training takes: optimizers, schedules and losses check theirs, and so do those who pass them on. */

/** Far beyond any use, and yet an f32 number. */
const largest = 1e30;

/** The learning rate of one update: a schedule may end at 0. */
export const stepRateRange: NumberRange = { from: 0, to: largest };

export const learningRateRange: NumberRange = { above: 0, to: largest };

export const weightDecayRange: NumberRange = { from: 0, to: largest };

/** Decay rates of running means: β, μ. At 1, nothing new would ever count. */
export const decayRange: NumberRange = { from: 0, below: 1 };

/** Fractions: how far something moves, or how much of a whole. */
export const shareRange: NumberRange = { from: 0, to: 1 };

export const labelSmoothingRange: NumberRange = shareRange;

/** What is added to a divisor to keep it from 0. Smaller numbers would be 0 in f32. */
export const epsilonRange: NumberRange = { from: 1e-30, to: 1 };
