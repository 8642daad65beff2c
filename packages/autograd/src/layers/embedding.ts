import {
  checkNumber,
  checkOptions,
  checkRng,
  embedding,
  type Rng,
  type Tensor,
  wholeNumbers,
} from '@mobinet/tensor/functions';
import { Module } from '../module.js';
import { Parameter } from '../parameter.js';

/** Options of `Embedding`. */
export interface EmbeddingOptions {
  /** The source of the initial weights. */
  rng: Rng;
}

/**
 * A learned table: i32 indices of any shape are replaced by its rows. Weights start standard normal, as in PyTorch. See
 * `embedding`.
 *
 * @example
 * ```ts
 * import { Embedding } from '@mobinet/autograd';
 * import { assign, Rng, tensor } from '@mobinet/tensor';
 *
 * const layer = new Embedding(3, 2, { rng: Rng.fromSeed(0) });
 * assign(layer.weight, tensor([[0, 0.5], [1, 1.5], [2, 2.5]]));
 * console.log(`${layer.forward(tensor([2, 0], { dtype: 'i32' })).values}`);
 * // → 2,2.5,0,0.5
 * ```
 */
export class Embedding extends Module<[indices: Tensor<'i32'>]> {
  /** [count, features] */
  readonly weight: Parameter;

  /**
   * @param count The number of rows.
   * @param features The size of a row.
   * @throws RangeError if a number is not a whole number above 0, or for an unknown option; TypeError without an `rng`.
   */
  constructor(count: number, features: number, options: EmbeddingOptions) {
    super();
    checkOptions('Embedding', options, ['rng']);
    checkRng('Embedding', options.rng);
    checkNumber('Embedding: count', count, wholeNumbers(1));
    checkNumber('Embedding: features', features, wholeNumbers(1));
    this.weight = new Parameter(options.rng.spawn('weight').normal([count, features]));
  }

  /**
   * @param indices i32 [...].
   * @returns f32 [..., features].
   * @throws DTypeError unless the indices are i32; RangeError for an index outside 0 … count − 1.
   */
  override forward(indices: Tensor<'i32'>): Tensor {
    return embedding(this.weight, indices);
  }
}
