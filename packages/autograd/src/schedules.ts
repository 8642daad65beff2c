import { checkList, checkNumber, checkRecord, wholeNumbers } from '@mobinet/tensor';
import { shareRange, stepRateRange } from './ranges.js';

/** The learning rate of each step, counted from 0. Those below check their numbers, and throw RangeError for one that is out of range. */
export type Schedule = (step: number) => number;

/** A step, counted from 0. */
const wholeSteps = wholeNumbers(0);

/** The same rate for ever. */
export function constant(rate: number): Schedule {
  checkNumber('constant: rate', rate, stepRateRange);
  return () => rate;
}

/** Multiplies the rate by `factor` at each of the steps `at`. */
export function stepDecay(options: { rate: number; factor?: number; at: readonly number[] }): Schedule {
  checkRecord('stepDecay: options', options);
  const { rate, factor = 0.1, at } = options;
  checkNumber('stepDecay: rate', rate, stepRateRange);
  checkNumber('stepDecay: factor', factor, { above: 0, to: 1e6 });
  checkList('stepDecay: at', at, '[100, 200]');
  at.forEach((milestone, index) => {
    checkNumber(`stepDecay: at[${index}]`, milestone, wholeSteps);
  });
  return (step) => rate * factor ** at.filter((milestone) => step >= milestone).length;
}

/** Half a cosine wave, from `rate` at step 0 to `final` at step `steps` (Loshchilov & Hutter, 2017). */
export function cosine(options: { rate: number; steps: number; final?: number }): Schedule {
  checkRecord('cosine: options', options);
  const { rate, steps, final = 0 } = options;
  checkNumber('cosine: rate', rate, stepRateRange);
  checkNumber('cosine: steps', steps, wholeSteps);
  checkNumber('cosine: final', final, stepRateRange);
  return (step) => interpolate(rate, final, share(step, steps));
}

/** Rises in a straight line to the first rate of `schedule` during `steps` steps, then follows it from its start. */
export function warmUp(options: { steps: number; schedule: Schedule }): Schedule {
  checkRecord('warmUp: options', options);
  const { steps, schedule } = options;
  checkNumber('warmUp: steps', steps, wholeSteps);
  return (step) => (step < steps ? (schedule(0) * (step + 1)) / steps : schedule(step - steps));
}

/**
 * From rate/25 up to `rate` in the first 30 % of the steps, then down to about nothing, both along half a cosine
 * (Smith & Topin, 2018, with the constants of PyTorch's OneCycleLR).
 */
export function oneCycle(options: { rate: number; steps: number; rise?: number }): Schedule {
  checkRecord('oneCycle: options', options);
  const { rate, steps, rise = 0.3 } = options;
  checkNumber('oneCycle: rate', rate, stepRateRange);
  checkNumber('oneCycle: steps', steps, wholeSteps);
  checkNumber('oneCycle: rise', rise, shareRange);
  const start = rate / 25;
  const end = start / 1e4;
  const peak = rise * steps - 1;
  const last = steps - 1;
  return (step) =>
    step <= peak
      ? interpolate(start, rate, share(step, peak))
      : interpolate(rate, end, share(step - peak, last - peak));
}

/** How much of the way is behind: all of it, where there is none. */
function share(step: number, steps: number): number {
  return steps > 0 ? Math.min(1, step / steps) : 1;
}

/** From a to b along half a cosine while t goes from 0 to 1. */
function interpolate(a: number, b: number, t: number): number {
  return b + ((a - b) * (1 + Math.cos(Math.PI * t))) / 2;
}
