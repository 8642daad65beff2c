import type { NumberRange } from '@mobinet/tensor/functions';

/**
 * Ranges of hyperparameters. Optimizers, schedules and losses check against them, and so do callers that pass values
 * on.
 */

/** Far beyond any sensible value, but still finite in f32. */
const largest = 1e30;

/** The learning rate of a single update: unlike a base rate it may be 0, since a schedule may end there. */
export const stepRateRange: NumberRange = { from: 0, to: largest };

/**
 * The base learning rate of a schedule: above 0.
 *
 * @example
 * ```ts
 * import { learningRateRange } from '@mobinet/autograd';
 * import { isInRange } from '@mobinet/tensor';
 *
 * console.log(isInRange(0.1, learningRateRange), isInRange(0, learningRateRange));
 * // → true false
 * ```
 */
export const learningRateRange: NumberRange = { above: 0, to: largest };

/**
 * λ of weight decay: 0 or more.
 *
 * @example
 * ```ts
 * import { weightDecayRange } from '@mobinet/autograd';
 * import { isInRange } from '@mobinet/tensor';
 *
 * console.log(isInRange(0, weightDecayRange), isInRange(-0.1, weightDecayRange));
 * // → true false
 * ```
 */
export const weightDecayRange: NumberRange = { from: 0, to: largest };

/**
 * Decay rates of running means, such as β and μ: from 0 to below 1. At 1, new values would have no effect.
 *
 * @example
 * ```ts
 * import { decayRange } from '@mobinet/autograd';
 * import { describeRange } from '@mobinet/tensor';
 *
 * console.log(describeRange(decayRange));
 * // → a number from 0 to below 1
 * ```
 */
export const decayRange: NumberRange = { from: 0, below: 1 };

/**
 * Fractions, such as the momentum of running statistics: from 0 to 1.
 *
 * @example
 * ```ts
 * import { fractionRange } from '@mobinet/autograd';
 * import { describeRange } from '@mobinet/tensor';
 *
 * console.log(describeRange(fractionRange));
 * // → a number from 0 to 1
 * ```
 */
export const fractionRange: NumberRange = { from: 0, to: 1 };

/**
 * ε of label smoothing: from 0 to 1.
 *
 * @example
 * ```ts
 * import { labelSmoothingRange } from '@mobinet/autograd';
 * import { describeRange } from '@mobinet/tensor';
 *
 * console.log(describeRange(labelSmoothingRange));
 * // → a number from 0 to 1
 * ```
 */
export const labelSmoothingRange: NumberRange = fractionRange;

/**
 * T of distillation. The ends keep logits / T and T² within f32.
 *
 * @example
 * ```ts
 * import { temperatureRange } from '@mobinet/autograd';
 * import { describeRange } from '@mobinet/tensor';
 *
 * console.log(describeRange(temperatureRange));
 * // → a number from 0.01 to 1000
 * ```
 */
export const temperatureRange: NumberRange = { from: 0.01, to: 1000 };

/** ε, added to a divisor to keep it away from 0. The lower bound keeps it far above denormal f32 numbers. */
export const epsilonRange: NumberRange = { from: 1e-30, to: 1 };
