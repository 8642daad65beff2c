import { checkNumber, checkOptions, type Tensor } from '@mobinet/tensor/functions';
import { f32x4, flushed, flushedLanes, flushedWgsl } from '@mobinet/tensor/kernels';
import { decayRange } from '../ranges.js';
import { Optimizer, type Update, type WeightDecayOptions, weightDecayOptions } from './optimizer.js';
import { defineUpdate } from './update.js';

/** Options of `SGD`. */
export interface SGDOptions extends WeightDecayOptions {
  /** η, 0 or more. */
  learningRate: number;
  /** μ, from 0 to below 1. Default 0. */
  momentum?: number;
}

/**
 * Stochastic gradient descent with momentum: v ← μ·v + g, w ← w − η·v, where g is the gradient plus λ·w for weight
 * decay λ. Tiny velocities are flushed to 0.
 *
 * @example
 * ```ts
 * import { SGD } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * const w = tensor([1]);
 * const optimizer = new SGD({ learningRate: 0.5, momentum: 0.5 });
 * const path = [1, 2].map(() => {
 *   optimizer.update(w, tensor([1])); // the gradient is always 1
 *   return w.values[0];
 * });
 * // The velocity is 1, then 0.5·1 + 1.
 * console.log(path.join(' '));
 * // → 0.5 -0.25
 * ```
 */
export class SGD extends Optimizer {
  readonly #momentum: number;

  /** @throws RangeError if an option is out of range or unknown. */
  constructor(options: SGDOptions) {
    checkOptions('sgd', options, ['learningRate', 'momentum', ...weightDecayOptions]);
    const { learningRate, momentum = 0, ...decay } = options;
    super(learningRate, decay);
    this.#momentum = checkNumber('sgd: momentum', momentum, decayRange);
  }

  override momentumOf(path: string): { readonly tensor: Tensor; readonly factor: number } | null {
    const tensor = this.state.tensors.get(path === '' ? 'velocity' : `velocity.${path}`);
    return tensor ? { tensor, factor: this.#momentum } : null;
  }

  protected override updateAll(updates: readonly Update[]): void {
    const momentum = this.hasMomentumInGradients ? 0 : this.#momentum;
    this.applyRule(sgd, updates, { rate: this.learningRate, momentum });
  }
}

const sgd = defineUpdate({
  name: 'sgd',
  slots: ['velocity'],
  numbers: ['rate', 'momentum'],
  scalar:
    (p) =>
    ([w, g, v]) => {
      const velocity = flushed(p.momentum * v + g + p.gradientDecay * w);
      return [w - p.rate * velocity, velocity];
    },
  lanes:
    (p) =>
    ([w, g, v]) => {
      const gradient = g.add(p.gradientDecay.mul(w));
      const velocity = f32x4.variable(flushedLanes(p.momentum.mul(v).add(gradient)), 'velocity');
      return [w.sub(velocity.mul(p.rate)), velocity];
    },
  wgsl: `
  velocity = p.momentum * velocity + g + gradientDecay * w;
  velocity = ${flushedWgsl('velocity')};
  w -= p.rate * velocity;`,
});
