/// <reference lib="esnext.disposable" preserve="true" />
import {
  checkNumber,
  checkOptions,
  ShapeError,
  sameShape,
  shown,
  type Tensor,
  wholeNumbers,
} from '@mobinet/tensor/functions';
import { moveTowards } from '../layers/moving-average.js';
import { type AnyModule, collect, Module } from '../module.js';
import { decayRange } from '../ranges.js';

/** Options of `ExponentialMovingAverage`. */
export interface ExponentialMovingAverageOptions {
  /** How much of the averages is kept in each update, from 0 to below 1. */
  decay: number;
  /** The number of updates so far, if the averages were saved and restored. Default 0. */
  updates?: number;
}

/**
 * Moving averages of the parameters and of the state (the running statistics) of a network in training (Polyak &
 * Juditsky, 1992). They are kept in a second network, which is often more accurate than the one that is trained.
 *
 * Each update keeps min(decay, (1 + t) / (10 + t)) of the averages, where t is the number of updates before it. So
 * early averages soon forget the initial weights, as with TensorFlow's `num_updates`.
 *
 * @example
 * ```ts
 * import { ExponentialMovingAverage, Linear } from '@mobinet/autograd';
 * import { assign, Rng, tensor } from '@mobinet/tensor';
 *
 * const make = () => new Linear(1, 1, { bias: false, rng: Rng.fromSeed(0) });
 * const [network, other] = [make(), make()];
 * for (const { weight } of [network, other]) assign(weight, tensor([[0]]));
 * const average = new ExponentialMovingAverage(other, { decay: 0.999 });
 *
 * assign(network.weight, tensor([[10]])); // in place of a training step
 * average.update(network);
 * // The first update keeps 1 / 10 of the average.
 * console.log(other.weight.values[0].toFixed(2));
 * // → 9.00
 * ```
 */
export class ExponentialMovingAverage<M extends AnyModule = Module> {
  /** The averages: a network like the one that is trained. */
  readonly module: M;
  readonly #decay: number;
  #updates: number;

  /**
   * @param module A network like the one that is trained. Its values are the first averages, and it is overwritten.
   * @throws RangeError if an option is out of range or unknown.
   */
  constructor(module: M, options: ExponentialMovingAverageOptions) {
    checkOptions('ExponentialMovingAverage', options, ['decay', 'updates']);
    if (!(module instanceof Module)) {
      throw new TypeError(`ExponentialMovingAverage: needs a module, not ${shown(module)}`);
    }
    this.module = module;
    this.#decay = checkNumber('ExponentialMovingAverage: decay', options.decay, decayRange);
    this.#updates = checkNumber('ExponentialMovingAverage: updates', options.updates ?? 0, wholeNumbers(0));
  }

  /** The number of updates so far. */
  get updates(): number {
    return this.#updates;
  }

  /**
   * Moves the averages towards the current values of a network. To be called after each update of its parameters.
   *
   * @throws Error if the network lacks a tensor of the averages, ShapeError if one has a different shape. In both cases,
   *   nothing has changed.
   */
  update(network: AnyModule): void {
    const values = tensorsOf(network);
    const pairs = Array.from(tensorsOf(this.module), ([name, average]) => {
      const value = values.get(name);
      if (!value) throw new Error(`ExponentialMovingAverage: the network has no ${name}`);
      if (!sameShape(average.shape, value.shape)) {
        throw new ShapeError('ExponentialMovingAverage', `${name} has a different shape`, [
          { name: 'average', shape: average.shape },
          { name: 'network', shape: value.shape },
        ]);
      }
      return { average, value };
    });
    const kept = Math.min(this.#decay, (1 + this.#updates) / (10 + this.#updates));
    for (const { average, value } of pairs) moveTowards(average, value, 1 - kept, 1);
    this.#updates++;
  }

  /** Frees the averages. */
  dispose(): void {
    this.module.dispose();
  }

  /** Lets `using` free the averages at the end of the enclosing block. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Parameters and state. */
const tensorsOf = (module: AnyModule): Map<string, Tensor> => collect(module, true, () => true);
