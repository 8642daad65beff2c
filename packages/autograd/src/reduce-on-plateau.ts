import { checkChoice, checkNumber, checkOptions, checkRecord, shown, wholeNumbers } from '@mobinet/tensor/functions';
import { stepRateRange } from './ranges.js';

/** Options of `ReduceOnPlateau`. */
export interface ReduceOnPlateauOptions {
  /** The first learning rate, 0 or more. */
  rate: number;
  /** What the rate is multiplied by, above 0 and below 1. Default 0.1. */
  factor?: number;
  /** How many values in a row may be no better than the best one before the rate is reduced. Default 10. */
  patience?: number;
  /** Whether lower values are better (`'min'`, for losses) or higher ones (`'max'`, for accuracies). Default `'min'`. */
  mode?: 'min' | 'max';
  /** By what fraction of the best value another one must be better to count as such, 0 or more. Default 1e-4. */
  threshold?: number;
  /** How many values after a reduction do not count. Default 0. */
  cooldown?: number;
  /** The rate is never reduced below this. Default 0. */
  minimum?: number;
}

/** The progress of a `ReduceOnPlateau`: numbers that JSON can hold. */
export interface ReduceOnPlateauState {
  /** The current learning rate. */
  readonly rate: number;
  /** The best value so far; null if there is none. */
  readonly best: number | null;
  /** How many values in a row were no better. */
  readonly bad: number;
  /** How many values still do not count. */
  readonly cooldown: number;
}

/**
 * A learning rate that is reduced when a value, such as the loss of a validation, has stopped getting better. It needs
 * that value, so it is an object instead of a `Schedule`. It is `ReduceLROnPlateau` of PyTorch with a relative
 * threshold, without the `eps` that ignores tiny reductions. NaN is never better.
 *
 * @example
 * ```ts
 * import { ReduceOnPlateau } from '@mobinet/autograd';
 *
 * const plateau = new ReduceOnPlateau({ rate: 0.5, factor: 0.5, patience: 1 });
 * // In training: optimizer.learningRate = plateau.step(validationLoss)
 * console.log([3, 2, 2, 2, 1].map((loss) => plateau.step(loss)).join(' '));
 * // → 0.5 0.5 0.5 0.25 0.25
 * ```
 */
export class ReduceOnPlateau {
  readonly #factor: number;
  readonly #patience: number;
  readonly #mode: 'min' | 'max';
  readonly #threshold: number;
  readonly #cooldown: number;
  readonly #minimum: number;
  #state: ReduceOnPlateauState;

  /** @throws RangeError if an option is out of range or unknown. */
  constructor(options: ReduceOnPlateauOptions) {
    const owner = 'ReduceOnPlateau';
    checkOptions(owner, options, ['rate', 'factor', 'patience', 'mode', 'threshold', 'cooldown', 'minimum']);
    const { rate, factor = 0.1, patience = 10, mode = 'min', threshold = 1e-4, cooldown = 0, minimum = 0 } = options;
    checkNumber(`${owner}: rate`, rate, stepRateRange);
    this.#factor = checkNumber(`${owner}: factor`, factor, { above: 0, below: 1 });
    this.#patience = checkNumber(`${owner}: patience`, patience, wholeNumbers(0));
    this.#mode = checkChoice(`${owner}: mode`, mode, ['min', 'max']);
    this.#threshold = checkNumber(`${owner}: threshold`, threshold, { from: 0 });
    this.#cooldown = checkNumber(`${owner}: cooldown`, cooldown, wholeNumbers(0));
    this.#minimum = checkNumber(`${owner}: minimum`, minimum, stepRateRange);
    this.#state = { rate, best: null, bad: 0, cooldown: 0 };
  }

  /** The current learning rate. */
  get rate(): number {
    return this.#state.rate;
  }

  /** The current state, to be saved. */
  get state(): ReduceOnPlateauState {
    return this.#state;
  }

  /**
   * Restores a saved state.
   *
   * @throws RangeError or TypeError if it is not one.
   */
  load(state: ReduceOnPlateauState): void {
    checkRecord('ReduceOnPlateau: state', state);
    const { rate, best, bad, cooldown } = state;
    checkNumber('ReduceOnPlateau: state.rate', rate, stepRateRange);
    if (best !== null) checkValue('state.best', best);
    checkNumber('ReduceOnPlateau: state.bad', bad, wholeNumbers(0));
    checkNumber('ReduceOnPlateau: state.cooldown', cooldown, wholeNumbers(0));
    this.#state = { rate, best, bad, cooldown };
  }

  /**
   * Takes the next value into account.
   *
   * @returns The learning rate from now on.
   * @throws TypeError if the value is not a number.
   */
  step(value: number): number {
    checkValue('value', value);
    let { rate, best, bad, cooldown } = this.#state;
    if (this.#isBetter(value, best)) [best, bad] = [value, 0];
    else bad++;
    if (cooldown > 0) [cooldown, bad] = [cooldown - 1, 0];
    if (bad > this.#patience) {
      // A rate that begins below the minimum is not raised.
      rate = Math.min(rate, Math.max(rate * this.#factor, this.#minimum));
      [cooldown, bad] = [this.#cooldown, 0];
    }
    this.#state = { rate, best, bad, cooldown };
    return rate;
  }

  #isBetter(value: number, best: number | null): boolean {
    if (best === null) return !Number.isNaN(value);
    return this.#mode === 'min' ? value < best * (1 - this.#threshold) : value > best * (1 + this.#threshold);
  }
}

/** Checks a value that is observed, which may be NaN or infinite. */
function checkValue(name: string, value: unknown): void {
  if (typeof value !== 'number') throw new TypeError(`ReduceOnPlateau: ${name} must be a number, not ${shown(value)}`);
}
