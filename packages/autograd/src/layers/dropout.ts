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
import { rngOfMicroBatch, type StepCountingLayer } from './micro-batch.js';

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
 * had. Where `train` of mobinet divides a step into micro-batches, the mask depends on the index of the micro-batch and
 * on the number of steps before, so that several processes draw the masks that a single one would.
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
export class Dropout extends Module implements StepCountingLayer {
  /** The probability that an element is dropped. */
  readonly rate: number;
  /** How many masks, or masks of whole steps, have been drawn, a scalar. At 2²⁴ it stays, and the masks repeat. */
  readonly draws: Tensor;
  readonly #rng: Rng;

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
    this.#rng = options.rng.spawn('dropout');
  }

  override forward(x: Tensor): Tensor {
    checkTensor('Dropout', x, 'x', ['f32']);
    const { rate, draws } = this;
    // Another handle, which the caller may free without freeing x.
    if (!this.training || rate === 0) return reshape(x, x.shape);
    const inStep = rngOfMicroBatch(this, this.#rng);
    const y = countedDropout(x, draws, { rate, key: (inStep ?? this.#rng).key });
    if (!inStep) this.countStep();
    return y;
  }

  /** Counts the masks that have been drawn in a step of training, so that the next step draws others. */
  countStep(): void {
    const { rate, draws } = this;
    if (this.training && rate > 0) tidy(() => assign(draws, add(draws, 1)));
  }
}
