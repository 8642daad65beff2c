import { checkChoice, checkNumber, checkOptions, type Tensor } from '@mobinet/tensor/functions';
import { f32x4, flushed, flushedLanes, flushedWgsl } from '@mobinet/tensor/kernels';
import { decayRange } from '../ranges.js';
import { Optimizer, type OptimizerOptions, optimizerOptions, type Update } from './optimizer.js';
import { defineUpdate } from './update.js';

/** Options of `SGD`. */
export interface SGDOptions extends OptimizerOptions {
  /** η, 0 or more. */
  learningRate: number;
  /** μ, from 0 to below 1. Default 0. */
  momentum?: number;
  /** Whether the step looks ahead by one more momentum (Nesterov). Needs a momentum above 0. Default false. */
  nesterov?: boolean;
}

/**
 * Stochastic gradient descent with momentum: v ← μ·v + g, w ← w − η·v, where g is the gradient plus λ·w for weight
 * decay λ. Tiny velocities are flushed to 0.
 *
 * With `nesterov`, the step is w ← w − η·(g + μ·v) with the new v (Nesterov, 1983, as Sutskever et al., 2013, write it).
 * Both are the formulas of PyTorch without dampening.
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
  readonly #nesterov: boolean;

  /** @throws RangeError if an option is out of range or unknown. */
  constructor(options: SGDOptions) {
    checkOptions('sgd', options, ['learningRate', 'momentum', 'nesterov', ...optimizerOptions]);
    const { learningRate, momentum = 0, nesterov = false, ...rest } = options;
    super(learningRate, rest, 'sgd');
    this.#momentum = checkNumber('sgd: momentum', momentum, decayRange);
    this.#nesterov = checkChoice('sgd: nesterov', nesterov, [false, true]);
    if (nesterov && momentum === 0) throw new RangeError('sgd: nesterov needs a momentum above 0');
  }

  override momentumOf(path: string): { readonly tensor: Tensor; readonly factor: number } | null {
    const tensor = this.state.tensors.get(path === '' ? 'velocity' : `velocity.${path}`);
    return tensor ? { tensor, factor: this.#momentum } : null;
  }

  protected override updateAll(updates: readonly Update[]): void {
    const [momentum, contained] = this.hasMomentumInGradients ? [0, this.#momentum] : [this.#momentum, 0];
    if (this.#nesterov)
      this.applyRule(nesterov, updates, (rate) => ({ rate, momentum, contained, ahead: this.#momentum }));
    else this.applyRule(sgd, updates, (rate) => ({ rate, momentum }));
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

/** `contained` is the part of the old velocity that gradients contain already. The step must not contain it. */
const nesterov = defineUpdate({
  name: 'nesterov',
  slots: ['velocity'],
  numbers: ['rate', 'momentum', 'contained', 'ahead'],
  scalar:
    (p) =>
    ([w, g, v]) => {
      const gradient = g + p.gradientDecay * w;
      const velocity = flushed(p.momentum * v + gradient);
      return [w - p.rate * (gradient - p.contained * v + p.ahead * velocity), velocity];
    },
  lanes:
    (p) =>
    ([w, g, v]) => {
      const gradient = f32x4.variable(g.add(p.gradientDecay.mul(w)), 'gradient');
      const velocity = f32x4.variable(flushedLanes(p.momentum.mul(v).add(gradient)), 'velocity');
      const step = gradient.sub(p.contained.mul(v)).add(p.ahead.mul(velocity));
      return [w.sub(step.mul(p.rate)), velocity];
    },
  wgsl: `
  g += gradientDecay * w;
  let before = velocity;
  velocity = p.momentum * velocity + g;
  velocity = ${flushedWgsl('velocity')};
  w -= p.rate * (g - p.contained * before + p.ahead * velocity);`,
});
