import { type Tensor, tidy } from '@mobinet/tensor';
import { Module } from '../module.js';

/** Modules one after the other. Frees what lies between them, unless a gradient rule needs it. */
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
