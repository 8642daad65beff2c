import { checkFunction, checkList, checkNumber, checkOptions, wholeNumbers } from '@mobinet/tensor/functions';
import { fractionRange, stepRateRange } from './ranges.js';

/**
 * The learning rate as a function of the step, counted from 0. Set it before each update: `optimizer.learningRate =
 * schedule(step)`. The functions below throw a RangeError if an option is out of range.
 */
export type Schedule = (step: number) => number;

/** Steps, and numbers of steps. */
const wholeSteps = wholeNumbers(0);

/**
 * The same rate at every step.
 *
 * @param rate The learning rate, 0 or more.
 * @throws RangeError if it is out of range.
 * @example
 * ```ts
 * import { constant } from '@mobinet/autograd';
 *
 * console.log([0, 1000].map(constant(0.1)).join(' '));
 * // → 0.1 0.1
 * ```
 */
export function constant(rate: number): Schedule {
  checkNumber('constant: rate', rate, stepRateRange);
  return () => rate;
}

/**
 * Multiplies the rate by `factor` at each of the steps `at`.
 *
 * @param options.rate The learning rate at step 0.
 * @param options.factor Default 0.1.
 * @param options.at The steps from which on the rate is multiplied once more.
 * @throws RangeError if an option is out of range or unknown.
 * @example
 * ```ts
 * import { stepDecay } from '@mobinet/autograd';
 *
 * const schedule = stepDecay({ rate: 1, factor: 0.5, at: [10, 20] });
 * console.log([0, 9, 10, 20].map(schedule).join(' '));
 * // → 1 1 0.5 0.25
 * ```
 */
export function stepDecay(options: { rate: number; factor?: number; at: readonly number[] }): Schedule {
  checkOptions('stepDecay', options, ['rate', 'factor', 'at']);
  const { rate, factor = 0.1, at } = options;
  checkNumber('stepDecay: rate', rate, stepRateRange);
  checkNumber('stepDecay: factor', factor, { above: 0, to: 1e6 });
  checkList('stepDecay: at', at, '[100, 200]');
  at.forEach((milestone, index) => {
    checkNumber(`stepDecay: at[${index}]`, milestone, wholeSteps);
  });
  return (step) => rate * factor ** at.filter((milestone) => step >= milestone).length;
}

/**
 * Multiplies the rate by `factor` every `every` steps: rate·factor^⌊step / every⌋. `ExponentialLR` of PyTorch, which is
 * called once per epoch, is this with `every` set to the number of steps of an epoch; `StepLR` is the same with that of
 * several epochs.
 *
 * @param options.rate The learning rate at step 0.
 * @param options.factor Above 0, usually below 1.
 * @param options.every Default 1.
 * @throws RangeError if an option is out of range or unknown.
 * @example
 * ```ts
 * import { exponential } from '@mobinet/autograd';
 *
 * const schedule = exponential({ rate: 1, factor: 0.5, every: 10 });
 * console.log([0, 9, 10, 25].map(schedule).join(' '));
 * // → 1 1 0.5 0.25
 * ```
 */
export function exponential(options: { rate: number; factor: number; every?: number }): Schedule {
  checkOptions('exponential', options, ['rate', 'factor', 'every']);
  const { rate, factor, every = 1 } = options;
  checkNumber('exponential: rate', rate, stepRateRange);
  checkNumber('exponential: factor', factor, { above: 0, to: 1e6 });
  checkNumber('exponential: every', every, wholeNumbers(1));
  return (step) => rate * factor ** Math.floor(step / every);
}

/**
 * Half a cosine wave, from `rate` at step 0 to `final` at step `steps` and after it (Loshchilov & Hutter, 2017, without
 * restarts).
 *
 * @param options.rate The learning rate at step 0.
 * @param options.steps The number of steps until the rate is `final`.
 * @param options.final Default 0.
 * @throws RangeError if an option is out of range or unknown.
 * @example
 * ```ts
 * import { cosine } from '@mobinet/autograd';
 *
 * const schedule = cosine({ rate: 1, steps: 100 });
 * console.log([0, 50, 100].map((step) => schedule(step).toFixed(2)).join(' '));
 * // → 1.00 0.50 0.00
 * ```
 */
export function cosine(options: { rate: number; steps: number; final?: number }): Schedule {
  checkOptions('cosine', options, ['rate', 'steps', 'final']);
  const { rate, steps, final = 0 } = options;
  checkNumber('cosine: rate', rate, stepRateRange);
  checkNumber('cosine: steps', steps, wholeSteps);
  checkNumber('cosine: final', final, stepRateRange);
  return (step) => interpolate(rate, final, fractionDone(step, steps));
}

/**
 * Rises linearly over `steps` steps to the first rate of `schedule`, then follows `schedule` from its start (Goyal et
 * al., 2017).
 *
 * @param options.steps The number of steps before `schedule` begins; 0 for no warm-up.
 * @param options.schedule The schedule afterwards, whose steps are counted from there.
 * @throws RangeError if an option is out of range or unknown.
 * @example
 * ```ts
 * import { constant, warmUp } from '@mobinet/autograd';
 *
 * const schedule = warmUp({ steps: 4, schedule: constant(1) });
 * console.log([0, 1, 2, 3, 4].map(schedule).join(' '));
 * // → 0.25 0.5 0.75 1 1
 * ```
 */
export function warmUp(options: { steps: number; schedule: Schedule }): Schedule {
  checkOptions('warmUp', options, ['steps', 'schedule']);
  const { steps, schedule } = options;
  checkNumber('warmUp: steps', steps, wholeSteps);
  checkFunction('warmUp: schedule', schedule);
  return (step) => (step < steps ? (schedule(0) * (step + 1)) / steps : schedule(step - steps));
}

/**
 * Rises from rate/25 to `rate` during the fraction `rise` of the steps, then falls to rate/250 000, both along half a
 * cosine (Smith & Topin, 2018, with the constants of PyTorch's OneCycleLR).
 *
 * @param options.rate The highest learning rate.
 * @param options.steps The number of steps of the run.
 * @param options.rise Default 0.3.
 * @throws RangeError if an option is out of range or unknown.
 * @example
 * ```ts
 * import { oneCycle } from '@mobinet/autograd';
 *
 * const schedule = oneCycle({ rate: 1, steps: 100 });
 * console.log([0, 29, 99].map((step) => schedule(step).toFixed(2)).join(' '));
 * // → 0.04 1.00 0.00
 * ```
 */
export function oneCycle(options: { rate: number; steps: number; rise?: number }): Schedule {
  checkOptions('oneCycle', options, ['rate', 'steps', 'rise']);
  const { rate, steps, rise = 0.3 } = options;
  checkNumber('oneCycle: rate', rate, stepRateRange);
  checkNumber('oneCycle: steps', steps, wholeSteps);
  checkNumber('oneCycle: rise', rise, fractionRange);
  const start = rate / 25;
  const end = start / 1e4;
  const peak = rise * steps - 1;
  const last = steps - 1;
  return (step) =>
    step <= peak
      ? interpolate(start, rate, fractionDone(step, peak))
      : interpolate(rate, end, fractionDone(step - peak, last - peak));
}

/**
 * Follows several schedules one after the other, each from its own start: `SequentialLR` of PyTorch.
 *
 * @param options.schedules At least one.
 * @param options.at The step at which each schedule but the first begins, in rising order.
 * @throws RangeError if an option is out of range or unknown; TypeError if a list is not one.
 * @example
 * ```ts
 * import { constant, cosine, sequence } from '@mobinet/autograd';
 *
 * const schedule = sequence({ schedules: [constant(1), cosine({ rate: 1, steps: 10 })], at: [100] });
 * console.log([0, 100, 105, 110].map((step) => schedule(step).toFixed(2)).join(' '));
 * // → 1.00 1.00 0.50 0.00
 * ```
 */
export function sequence(options: { schedules: readonly Schedule[]; at: readonly number[] }): Schedule {
  checkOptions('sequence', options, ['schedules', 'at']);
  const { schedules, at } = options;
  checkSchedules('sequence: schedules', schedules);
  checkList('sequence: at', at, '[100, 200]');
  if (at.length !== schedules.length - 1) {
    throw new RangeError(
      `sequence: at needs a step for each schedule but the first: ${schedules.length - 1} steps, not ${at.length}`,
    );
  }
  const starts = [0, ...at];
  at.forEach((start, index) => {
    checkNumber(`sequence: at[${index}]`, start, wholeNumbers(starts[index]));
  });
  return (step) => {
    // Before step 0, and for NaN, the first one.
    const current = Math.max(
      0,
      starts.findLastIndex((start) => step >= start),
    );
    return schedules[current](step - starts[current]);
  };
}

/**
 * The product of several schedules at each step, such as a rate and factors that begin or end at 1. `ChainedScheduler`
 * of PyTorch combines schedulers in this way.
 *
 * @param schedules At least one.
 * @throws RangeError if there are none; TypeError if they are not functions.
 * @example
 * ```ts
 * import { constant, exponential, product, warmUp } from '@mobinet/autograd';
 *
 * const schedule = product([exponential({ rate: 8, factor: 0.5 }), warmUp({ steps: 2, schedule: constant(1) })]);
 * console.log([0, 1, 2, 3].map(schedule).join(' '));
 * // → 4 4 2 1
 * ```
 */
export function product(schedules: readonly Schedule[]): Schedule {
  checkSchedules('product', schedules);
  return (step) => schedules.reduce((rate, schedule) => rate * schedule(step), 1);
}

function checkSchedules(name: string, schedules: unknown): void {
  checkList(name, schedules, '[warmUp({ … }), cosine({ … })]');
  if (schedules.length === 0) throw new RangeError(`${name} must not be empty`);
  schedules.forEach((schedule, at) => {
    checkFunction(`${name}[${at}]`, schedule);
  });
}

/** The fraction of `steps` that is done, at most 1; 1 if there are none. */
function fractionDone(step: number, steps: number): number {
  return steps > 0 ? Math.min(1, step / steps) : 1;
}

/** Goes from a to b along half a cosine as t goes from 0 to 1. */
function interpolate(a: number, b: number, t: number): number {
  return b + ((a - b) * (1 + Math.cos(Math.PI * t))) / 2;
}
