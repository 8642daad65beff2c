import {
  add,
  assign,
  checkNumber,
  checkOptions,
  checkRng,
  checkTensor,
  type Rng,
  reshape,
  scalar,
  type Tensor,
  tidy,
} from '@mobinet/tensor/functions';
import { countedDropout, dropoutRange } from '@mobinet/tensor/kernels';
import { Module } from '../module.js';

/** Options of `Dropout`. */
export interface DropoutLayerOptions {
  /** The source of the masks. */
  rng: Rng;
}

/**
 * Sets each element to 0 with probability `rate` in training, and divides the others by 1 − rate; in evaluation, it is
 * the identity. See `dropout`.
 *
 * Each call in training draws another mask, which depends on the generator and on the number of calls before. That
 * number is state of the layer, and so part of checkpoints: a resumed run continues with the masks that it would have
 * had. Each micro-batch is a call, so their number changes the masks. Several processes that train together would have to
 * count each other's calls, which they do not: training with several processes refuses a network that contains this
 * layer, unless the rate is 0.
 *
 * @example
 * ```ts
 * import { Dropout } from '@mobinet/autograd';
 * import { ones, Rng } from '@mobinet/tensor';
 *
 * const layer = new Dropout(0.5, { rng: Rng.fromSeed(0) });
 * console.log(`${layer.forward(ones([8])).values}; ${layer.forward(ones([8])).values}`);
 * console.log(`${layer.eval().forward(ones([8])).values}`);
 * // → 0,2,2,0,2,2,0,2; 2,2,2,0,0,0,0,0
 * // → 1,1,1,1,1,1,1,1
 * ```
 */
export class Dropout extends Module {
  /** The probability that an element is dropped. */
  readonly rate: number;
  /** How many masks have been drawn, a scalar. Above 2²⁴, it stays the same, and so do the masks. */
  readonly draws: Tensor;
  readonly #key: Rng['key'];

  /**
   * @param rate From 0 to 1.
   * @throws RangeError if the rate is outside this range, or for an unknown option; TypeError without an `rng`.
   */
  constructor(rate: number, options: DropoutLayerOptions) {
    super();
    checkOptions('Dropout', options, ['rng']);
    checkNumber('Dropout: rate', rate, dropoutRange);
    checkRng('Dropout', options.rng);
    this.rate = rate;
    this.draws = scalar(0);
    this.#key = options.rng.spawn('dropout').key;
  }

  override forward(x: Tensor): Tensor {
    checkTensor('Dropout', x);
    const { rate, draws } = this;
    // Another handle, which the caller may free without freeing x.
    if (!this.training || rate === 0) return reshape(x, x.shape);
    const y = countedDropout(x, draws, { rate, key: this.#key });
    tidy(() => assign(draws, add(draws, 1)));
    return y;
  }
}
