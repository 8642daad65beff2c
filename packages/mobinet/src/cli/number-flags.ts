import { describeRange, isInRange, type NumberRange, wholeNumbers } from '@mobinet/tensor/functions';
import { InvalidArgumentError } from 'commander';
import { checkInterval, type Interval } from '../data/random-rectangle.js';

/** A parser for a flag whose value is a number in this range. */
export function numberIn(range: NumberRange): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!isInRange(value, range)) throw new InvalidArgumentError(`It must be ${describeRange(range)}.`);
    return value;
  };
}

/**
 * A parser for a flag whose value is a whole number in this range, for Commander.
 *
 * @param least The smallest value.
 * @param most The largest value. Default: none.
 * @returns A function from the text to the number. It throws Commander's InvalidArgumentError for anything else.
 * @example
 * ```ts
 * import { wholeNumber } from 'mobinet/cli';
 *
 * const parse = wholeNumber(1, 10);
 * console.log(parse('7'));
 * try {
 *   parse('11');
 * } catch (error) {
 *   console.log((error as Error).message);
 * }
 * // → 7
 * // → It must be a whole number from 1 to 10.
 * ```
 */
export const wholeNumber = (least: number, most?: number): ((text: string) => number) =>
  numberIn(wholeNumbers(least, most));

/** A parser for a flag whose value is two ascending numbers in this range, separated by a comma. */
export function intervalIn(range: NumberRange): (text: string) => Interval {
  return (text) => {
    const interval = text.split(',').map(numberIn(range));
    try {
      checkInterval('It', interval, range);
    } catch (error) {
      throw new InvalidArgumentError(`${(error as Error).message}.`);
    }
    return interval;
  };
}

/** The range of a number of threads. Its upper end is more than any machine has. */
export const threadsRange = wholeNumbers(1, 256);
