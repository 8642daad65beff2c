import {
  add,
  checkChoice,
  checkNumber,
  checkOptions,
  checkRng,
  matmul,
  type Rng,
  type Tensor,
  tidy,
  wholeNumbers,
  zeros,
} from '@mobinet/tensor/functions';
import { Module } from '../module.js';
import { Parameter } from '../parameter.js';

/** Options of `Linear`. */
export interface LinearOptions {
  /** Whether a learned bias is added. Default true. */
  bias?: boolean;
  /** The source of the initial weights. */
  rng: Rng;
}

/**
 * The fully connected layer y = x·Wᵀ + b, from [..., inputs] to [..., outputs]. Weights start uniform in ±1/√inputs, as
 * in PyTorch, and biases at 0.
 *
 * @example
 * ```ts
 * import { Linear } from '@mobinet/autograd';
 * import { assign, Rng, tensor } from '@mobinet/tensor';
 *
 * const layer = new Linear(2, 1, { rng: Rng.fromSeed(0) });
 * assign(layer.weight, tensor([[10, 1]]));
 * console.log(`${layer.forward(tensor([[1, 2], [3, 4]])).values}`);
 * // → 12,34
 * ```
 */
export class Linear extends Module {
  /** [outputs, inputs] */
  readonly weight: Parameter;
  /** [outputs]; null without a bias. */
  readonly bias: Parameter | null;

  /**
   * @param inputs The size of the last axis of x.
   * @param outputs The size of the last axis of y.
   * @throws RangeError if a size is not a whole number above 0, or for an unknown option; TypeError without an `rng`.
   */
  constructor(inputs: number, outputs: number, options: LinearOptions) {
    super();
    checkOptions('Linear', options, ['bias', 'rng']);
    const { bias = true, rng } = options;
    checkChoice('Linear: bias', bias, [true, false]);
    checkRng('Linear', rng);
    checkNumber('Linear: inputs', inputs, wholeNumbers(1));
    checkNumber('Linear: outputs', outputs, wholeNumbers(1));
    const bound = 1 / Math.sqrt(inputs);
    this.weight = new Parameter(rng.spawn('weight').uniform([outputs, inputs], -bound, bound));
    this.bias = bias ? new Parameter(zeros([outputs])) : null;
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => {
      const y = matmul(x, this.weight, { transposeB: true });
      return this.bias ? add(y, this.bias) : y;
    });
  }
}
