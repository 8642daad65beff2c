import { type Tensor, tidy } from '@mobinet/tensor';
import { Module } from '../module.js';

/** Calls modules one after another. Intermediate results are freed, except those that a gradient rule needs. */
export class Sequential extends Module {
  readonly layers: readonly Module[];

  constructor(...layers: readonly Module[]) {
    super();
    this.layers = layers;
  }

  override forward(x: Tensor): Tensor {
    return tidy(() => this.layers.reduce((value, layer) => layer.forward(value), x));
  }
}
