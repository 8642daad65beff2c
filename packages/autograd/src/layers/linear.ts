import { add, matmul, type Rng, type Tensor, zeros } from '@mobinet/tensor';
import { xavierUniform } from '../initializers.js';
import { Module } from '../module.js';
import { Parameter } from '../parameter.js';

export interface LinearOptions {
  bias?: boolean;
  rng: Rng;
}

/** y = x·Wᵀ + b, for x [..., inputs]: the fully connected layer. */
export class Linear extends Module {
  /** [outputs, inputs] */
  readonly weight: Parameter;
  /** [outputs] */
  readonly bias: Parameter | null;

  constructor(inputs: number, outputs: number, { bias = true, rng }: LinearOptions) {
    super();
    this.weight = new Parameter(xavierUniform(rng.split('weight'), [outputs, inputs]));
    this.bias = bias ? new Parameter(zeros([outputs])) : null;
  }

  override forward(x: Tensor): Tensor {
    const y = matmul(x, this.weight, { transposeB: true });
    return this.bias ? add(y, this.bias) : y;
  }
}
