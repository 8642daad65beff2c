import {
  add,
  checkNumber,
  checkOptions,
  checkRng,
  matmul,
  type Rng,
  type Tensor,
  wholeNumbers,
  zeros,
} from '@mobinet/tensor';
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
 * The fully connected layer y = x·Wᵀ + b, for x [..., inputs]. Weights start uniform in ±1/√inputs, as in PyTorch, and
 * biases at 0.
 */
export class Linear extends Module {
  /** [outputs, inputs] */
  readonly weight: Parameter;
  /** [outputs] */
  readonly bias: Parameter | null;

  constructor(inputs: number, outputs: number, options: LinearOptions) {
    super();
    checkOptions('Linear', options, ['bias', 'rng']);
    const { bias = true, rng } = options;
    checkRng('Linear', rng);
    checkNumber('Linear: inputs', inputs, wholeNumbers(1));
    checkNumber('Linear: outputs', outputs, wholeNumbers(1));
    const bound = 1 / Math.sqrt(inputs);
    this.weight = new Parameter(rng.spawn('weight').uniform([outputs, inputs], -bound, bound));
    this.bias = bias ? new Parameter(zeros([outputs])) : null;
  }

  override forward(x: Tensor): Tensor {
    const y = matmul(x, this.weight, { transposeB: true });
    return this.bias ? add(y, this.bias) : y;
  }
}
