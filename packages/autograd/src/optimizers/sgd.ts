import { applyInto, checkNumber, checkRecord, defineOp, type Tensor } from '@mobinet/tensor';
import { f32, f32x4, flushed, flushedLanes } from '@mobinet/tensor/kernels';
import { decayRange } from '../ranges.js';
import { Optimizer, type Update, type WeightDecayOptions } from './optimizer.js';
import { UpdateKernel } from './update.wasm.js';
import { sgdOnGpu } from './update.wgsl.js';

export interface SGDOptions extends WeightDecayOptions {
  /** η, 0 or more. */
  learningRate: number;
  /** μ, from 0 to below 1. Default 0. */
  momentum?: number;
}

/**
 * Stochastic gradient descent: v ← μ·v + g, w ← w − η·v, with g the gradient plus λ·w for weight decay λ. A tiny velocity is
 * flushed to 0.
 */
export class SGD extends Optimizer {
  readonly #momentum: number;

  constructor(options: SGDOptions) {
    checkRecord('sgd: options', options);
    const { learningRate, momentum = 0, ...decay } = options;
    super(learningRate, decay);
    this.#momentum = checkNumber('sgd: momentum', momentum, decayRange);
  }

  protected override updateAll(updates: readonly Update[]): void {
    const tensors = updates.map(({ path, parameter, gradient }) => [
      parameter,
      gradient,
      this.slot('velocity', path, parameter),
    ]);
    const written = tensors.map(([parameter, , velocity]) => [parameter, velocity]);
    applyInto(sgdOp, tensors.flat(), written.flat(), {
      learningRate: this.learningRate,
      momentum: this.#momentum,
      decays: updates.map(({ path, parameter }) => this.weightDecayFor(path, parameter)),
    });
  }
}

interface SGDAttributes {
  readonly learningRate: number;
  readonly momentum: number;
  /** λ of each parameter. */
  readonly decays: readonly number[];
}

/** All parameters at once: three tensors go in for each (parameter, gradient, velocity), two come out. */
const sgdOp = defineOp<readonly Tensor[], readonly Tensor[], SGDAttributes>({
  name: 'sgd',
  outputs: (inputs) => inputs.filter((_, index) => index % 3 !== 1),
  reference(inputs, outputs, { learningRate, momentum, decays }) {
    decays.forEach((decay, index) => {
      const [w, g, v] = inputs.slice(3 * index, 3 * index + 3).map(({ values }) => values);
      const [w2, v2] = outputs.slice(2 * index, 2 * index + 2).map(({ values }) => values);
      for (let i = 0; i < w.length; i++) {
        const velocity = flushed(momentum * v[i] + g[i] + decay * w[i]);
        v2[i] = velocity;
        w2[i] = w[i] - learningRate * velocity;
      }
    });
  },
  fast(inputs, _, { learningRate: rate, momentum, decays }) {
    const updates = decays.map((gradientDecay, index) => ({
      tensors: inputs.slice(3 * index, 3 * index + 3),
      gradientDecay,
    }));
    sgdKernel.run(updates, { rate, momentum });
  },
  webgpu(inputs, _, { learningRate: rate, momentum, decays }) {
    decays.forEach((decay, index) => {
      sgdOnGpu(inputs.slice(3 * index, 3 * index + 3), { rate, momentum, decay });
    });
  },
});

const sgdKernel = new UpdateKernel(
  'sgd',
  3,
  ({ rate, momentum }) =>
    ([w, g, v], decay) => {
      const pull = g.add(decay.gradient.mul(w));
      const velocity = f32x4.variable(flushedLanes(momentum.mul(v).add(pull)), 'velocity');
      return [w.sub(velocity.mul(rate)), velocity];
    },
  { rate: f32, momentum: f32 },
);
