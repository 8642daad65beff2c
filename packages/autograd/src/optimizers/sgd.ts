import { applyInto, defineOp, type Tensor } from '@mobinet/tensor';
import { Optimizer, smallestMoment, type WeightDecayOptions } from './optimizer.js';

export interface SGDOptions extends WeightDecayOptions {
  learningRate: number;
  momentum?: number;
}

/** Stochastic gradient descent: v ← μ·v + g, w ← w − η·v, with g the gradient plus λ·w for weight decay λ. */
export class SGD extends Optimizer {
  readonly #momentum: number;

  constructor({ learningRate, momentum = 0, ...decay }: SGDOptions) {
    super(learningRate, decay);
    this.#momentum = momentum;
  }

  protected override updateOne(path: string, parameter: Tensor, gradient: Tensor): void {
    const velocity = this.slot('velocity', path, parameter);
    applyInto(sgdOp, [parameter, gradient, velocity], [parameter, velocity], {
      learningRate: this.learningRate,
      momentum: this.#momentum,
      weightDecay: this.weightDecayFor(path, parameter),
    });
  }
}

interface SGDAttributes {
  readonly learningRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
}

const sgdOp = defineOp<[Tensor, Tensor, Tensor], [Tensor, Tensor], SGDAttributes>({
  name: 'sgd',
  outputs: ([parameter]) => [parameter, parameter],
  reference([{ values: w }, { values: g }, { values: v }], [{ values: w2 }, { values: v2 }], attributes) {
    const { learningRate, momentum, weightDecay } = attributes;
    for (let i = 0; i < w.length; i++) {
      const velocity = momentum * v[i] + g[i] + weightDecay * w[i];
      v2[i] = Math.abs(velocity) < smallestMoment ? 0 : velocity;
      w2[i] = w[i] - learningRate * velocity;
    }
  },
});
