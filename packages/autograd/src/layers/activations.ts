import { full, prelu, relu, type Tensor } from '@mobinet/tensor';
import { Module } from '../module.js';
import { Parameter } from '../parameter.js';

/** The rectifier max(x, 0). */
export class ReLU extends Module {
  override forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/** x where x > 0, otherwise slope·x, with a learned slope for each channel, the last axis (He et al., 2015). */
export class PReLU extends Module {
  /** [channels] */
  readonly slope: Parameter;

  /** @param initial The initial slope. Default 0.25. */
  constructor(channels: number, initial = 0.25) {
    super();
    this.slope = new Parameter(full([channels], initial));
  }

  override forward(x: Tensor): Tensor {
    return prelu(x, this.slope);
  }
}
