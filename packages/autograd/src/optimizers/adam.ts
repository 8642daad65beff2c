import { checkNumber, checkOptions, shown, type Tensor } from '@mobinet/tensor/functions';
import { f32x4, flushed, flushedLanes, flushedWgsl, flushLimit, smallestGradient } from '@mobinet/tensor/kernels';
import { decayRange, epsilonRange } from '../ranges.js';
import { Optimizer, type OptimizerOptions, optimizerOptions, type Update } from './optimizer.js';
import { defineUpdate } from './update.js';

/** Options of `Adam` and `AdamW`. */
export interface AdamOptions extends OptimizerOptions {
  /** η, 0 or more. Default 0.001. */
  learningRate?: number;
  /** β₁ and β₂, how much of the two running means is kept in each step, from 0 to below 1. Default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** ε, above 0. Default 1e-8. */
  epsilon?: number;
}

/**
 * The names of `AdamOptions`.
 *
 * @example
 * ```ts
 * import { adamOptions } from '@mobinet/autograd/kernels';
 *
 * console.log(`${adamOptions}`);
 * // → learningRate,betas,epsilon,weightDecay,decays,groups
 * ```
 */
export const adamOptions = ['learningRate', 'betas', 'epsilon', ...optimizerOptions] as const;

/**
 * Adam (Kingma & Ba, 2015): w ← w − η·m̂ / (√v̂ + ε), where m̂ and v̂ are running means of the gradient and of its
 * square, corrected for starting at 0. Weight decay λ·w is added to the gradient (L2 regularization). Tiny gradients
 * and means are flushed to 0.
 *
 * @example
 * ```ts
 * import { Adam, gradient } from '@mobinet/autograd';
 * import { square, sum, type Tensor, tensor } from '@mobinet/tensor';
 *
 * // The first step has the size η, whatever the size of the gradient.
 * const w = tensor([1, 1000]);
 * new Adam({ learningRate: 0.5 }).update(w, gradient((w: Tensor) => sum(square(w)))(w));
 * console.log(`${w.values}`);
 * // → 0.5,999.5
 * ```
 */
export class Adam extends Optimizer {
  readonly #betas: readonly [number, number];
  readonly #epsilon: number;
  /**
   * After so many steps, the running means of squares no longer change, as in 1-bit Adam (Tang et al., 2021): the steps
   * after them may then be computed from gradients that are only approximately those of the loss. Default: never.
   */
  freezeSquaresAfter = Number.POSITIVE_INFINITY;
  /** Whether weight decay acts on the weight itself instead of the gradient, as in AdamW. */
  protected readonly decoupled: boolean = false;

  /**
   * @param name What errors call the optimizer. Default `'adam'`.
   * @throws RangeError if an option is out of range or unknown; TypeError if the options are not an object.
   */
  constructor(options: AdamOptions = {}, name = 'adam') {
    checkOptions(name, options, adamOptions);
    const { learningRate = 1e-3, betas = [0.9, 0.999], epsilon = 1e-8, ...rest } = options;
    super(learningRate, rest, name);
    if (!Array.isArray(betas) || betas.length !== 2) {
      throw new RangeError(`${name}: betas must be two numbers, not ${shown(betas)}`);
    }
    this.#betas = [
      checkNumber(`${name}: betas[0]`, betas[0], decayRange),
      checkNumber(`${name}: betas[1]`, betas[1], decayRange),
    ];
    this.#epsilon = checkNumber(`${name}: epsilon`, epsilon, epsilonRange);
  }

  /** mean ← β₁·mean + (1 − β₁)·g is (1 − β₁)·(g + β₁ / (1 − β₁)·mean). */
  override momentumOf(path: string): { readonly tensor: Tensor; readonly factor: number } | null {
    const tensor = this.state.tensors.get(path === '' ? 'mean' : `mean.${path}`);
    return tensor ? { tensor, factor: this.#betas[0] / (1 - this.#betas[0]) } : null;
  }

  protected override updateAll(updates: readonly Update[]): void {
    const [beta1, beta2] = this.#betas;
    const isFrozen = this.step > this.freezeSquaresAfter;
    const numbers = {
      beta1: this.hasMomentumInGradients ? 0 : beta1,
      beta2: isFrozen ? 1 : beta2,
      // Computed here, in double precision: where β is near 1, f32 would leave too few digits of 1 − β.
      rest1: 1 - beta1,
      rest2: isFrozen ? 0 : 1 - beta2,
      // Moments start at 0. Dividing by 1 − βᵗ corrects the bias.
      meanCorrection: 1 / (1 - beta1 ** this.step),
      squareCorrection: 1 / (1 - beta2 ** Math.min(this.step, this.freezeSquaresAfter)),
      epsilon: this.#epsilon,
    };
    this.applyRule(adam, updates, (rate) => ({ rate, ...numbers }), this.decoupled);
  }
}

/**
 * Adam with decoupled weight decay: w shrinks by η·λ·w in each step (Loshchilov & Hutter, 2019). λ is 0.01 by default.
 *
 * @example
 * ```ts
 * import { AdamW } from '@mobinet/autograd';
 * import { tensor, zeros } from '@mobinet/tensor';
 *
 * // Without a gradient, only the decay remains: 8 − 0.5·0.25·8.
 * const w = tensor([8]);
 * new AdamW({ learningRate: 0.5, weightDecay: 0.25 }).update(w, zeros([1]));
 * console.log(w.values[0]);
 * // → 7
 * ```
 */
export class AdamW extends Adam {
  protected override readonly decoupled = true;

  /** @throws RangeError if an option is out of range or unknown; TypeError if the options are not an object. */
  constructor(options: AdamOptions = {}) {
    checkOptions('adamw', options, adamOptions);
    super({ ...options, weightDecay: options.weightDecay ?? 1e-2 }, 'adamw');
  }
}

/**
 * Squares of gradients smaller than this would be flushed to 0. They may be denormal, so they are not computed at all.
 */
const smallestSquared = Math.sqrt(smallestGradient);

const adam = defineUpdate({
  name: 'adam',
  slots: ['mean', 'square'],
  numbers: ['rate', 'beta1', 'beta2', 'rest1', 'rest2', 'meanCorrection', 'squareCorrection', 'epsilon'],
  scalar:
    (p) =>
    ([w, g, m, v]) => {
      const gradient = flushed(g + p.gradientDecay * w);
      const mean = flushed(p.beta1 * m + p.rest1 * gradient);
      const square = flushed(p.beta2 * v + p.rest2 * flushed(gradient, smallestSquared) ** 2);
      const adaptive = (mean * p.meanCorrection) / (Math.sqrt(square * p.squareCorrection) + p.epsilon);
      return [w - p.rate * (adaptive + p.weightDecay * w), mean, square];
    },
  lanes: (p) => {
    const [tiny, tinySquared] = [flushLimit(), flushLimit(smallestSquared)];
    return ([w, g, m, v]) => {
      const gradient = f32x4.variable(flushedLanes(g.add(p.gradientDecay.mul(w)), tiny), 'gradient');
      const mean = f32x4.variable(flushedLanes(p.beta1.mul(m).add(p.rest1.mul(gradient)), tiny), 'mean');
      const squared = f32x4.variable(flushedLanes(gradient, tinySquared), 'squared');
      const square = f32x4.variable(
        flushedLanes(p.beta2.mul(v).add(p.rest2.mul(squared).mul(squared)), tiny),
        'square',
      );
      const deviation = square.mul(p.squareCorrection).sqrt().add(p.epsilon);
      const adaptive = mean.mul(p.meanCorrection).div(deviation);
      return [w.sub(adaptive.add(p.weightDecay.mul(w)).mul(p.rate)), mean, square];
    };
  },
  wgsl: `
  g += gradientDecay * w;
  g = ${flushedWgsl('g')};
  mean = p.beta1 * mean + p.rest1 * g;
  mean = ${flushedWgsl('mean')};
  let squared = select(g, 0.0, abs(g) < ${smallestSquared});
  square = p.beta2 * square + p.rest2 * squared * squared;
  square = ${flushedWgsl('square')};
  let adaptive = mean * p.meanCorrection / (sqrt(square * p.squareCorrection) + p.epsilon);
  w -= p.rate * (adaptive + weightDecay * w);`,
});
