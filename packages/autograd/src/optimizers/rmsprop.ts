import { checkChoice, checkNumber, checkOptions } from '@mobinet/tensor/functions';
import {
  type F32x4,
  f32x4,
  flushed,
  flushedLanes,
  flushedWgsl,
  flushLimit,
  smallestGradient,
} from '@mobinet/tensor/kernels';
import { decayRange, epsilonRange } from '../ranges.js';
import { Optimizer, type OptimizerOptions, optimizerOptions, type Update } from './optimizer.js';
import { defineUpdate } from './update.js';

/** Options of `RMSProp`. */
export interface RMSPropOptions extends OptimizerOptions {
  /** η, 0 or more. Default 0.01. */
  learningRate?: number;
  /** α, how much of the running mean of squares is kept in each step, from 0 to below 1. Default 0.99. */
  alpha?: number;
  /** ε, above 0. Default 1e-8. */
  epsilon?: number;
  /** μ, from 0 to below 1. Default 0. */
  momentum?: number;
  /** Whether the square of the running mean of gradients is subtracted from the mean of squares. Default false. */
  centered?: boolean;
}

/**
 * RMSProp (Tieleman & Hinton, 2012) by the formula of PyTorch: s ← α·s + (1 − α)·g², v ← μ·v + g / (√s + ε),
 * w ← w − η·v, where g is the gradient plus λ·w for weight decay λ. Unlike Adam, it does not correct s for starting
 * at 0, so that first steps are large: η / √(1 − α).
 *
 * If it is centered (Graves, 2013), s − m² takes the place of s, where m ← α·m + (1 − α)·g. Differs from PyTorch: a
 * variance that rounding makes negative counts as 0. Tiny gradients and slots are flushed to 0.
 *
 * @example
 * ```ts
 * import { RMSProp } from '@mobinet/autograd';
 * import { tensor } from '@mobinet/tensor';
 *
 * // The first step is η / √(1 − α), whatever the size of the gradient.
 * const w = tensor([1, 1]);
 * new RMSProp({ learningRate: 0.25, alpha: 0.75 }).update(w, tensor([1, 100]));
 * console.log(`${w.values}`);
 * // → 0.5,0.5
 * ```
 */
export class RMSProp extends Optimizer {
  readonly #alpha: number;
  readonly #epsilon: number;
  readonly #momentum: number;
  readonly #centered: boolean;

  /** @throws RangeError if an option is out of range or unknown; TypeError if the options are not an object. */
  constructor(options: RMSPropOptions = {}) {
    checkOptions('rmsprop', options, ['learningRate', 'alpha', 'epsilon', 'momentum', 'centered', ...optimizerOptions]);
    const { learningRate = 1e-2, alpha = 0.99, epsilon = 1e-8, momentum = 0, centered = false, ...rest } = options;
    super(learningRate, rest, 'rmsprop');
    this.#alpha = checkNumber('rmsprop: alpha', alpha, decayRange);
    this.#epsilon = checkNumber('rmsprop: epsilon', epsilon, epsilonRange);
    this.#momentum = checkNumber('rmsprop: momentum', momentum, decayRange);
    this.#centered = checkChoice('rmsprop: centered', centered, [false, true]);
  }

  protected override updateAll(updates: readonly Update[]): void {
    const numbers = { alpha: this.#alpha, rest: 1 - this.#alpha, epsilon: this.#epsilon, momentum: this.#momentum };
    this.applyRule(this.#centered ? centered : plain, updates, (rate) => ({ rate, ...numbers }));
  }
}

/** Squares of gradients smaller than this would be flushed to 0. They may be denormal, so they are not computed. */
const smallestSquared = Math.sqrt(smallestGradient);

const numberNames = ['rate', 'alpha', 'rest', 'epsilon', 'momentum'] as const;
type Numbers<V> = Readonly<Record<(typeof numberNames)[number] | 'gradientDecay', V>>;

/** The gradient with weight decay, and the new mean of squares. */
function squareOf(p: Numbers<number>, [w, g, square]: readonly number[]) {
  const gradient = flushed(g + p.gradientDecay * w);
  return { gradient, square: flushed(p.alpha * square + p.rest * flushed(gradient, smallestSquared) ** 2) };
}

/** The limits below which numbers and squared numbers are flushed. */
const flushLimits = () => ({ tiny: flushLimit(), tinySquared: flushLimit(smallestSquared) });

/** `squareOf` for four elements. */
function squareOfLanes(p: Numbers<F32x4>, limits: ReturnType<typeof flushLimits>, [w, g, square]: readonly F32x4[]) {
  const gradient = f32x4.variable(flushedLanes(g.add(p.gradientDecay.mul(w)), limits.tiny), 'gradient');
  const squared = f32x4.variable(flushedLanes(gradient, limits.tinySquared), 'squared');
  const sum = p.alpha.mul(square).add(p.rest.mul(squared).mul(squared));
  return { gradient, square: f32x4.variable(flushedLanes(sum, limits.tiny), 'square') };
}

const squareWgsl = `
  g += gradientDecay * w;
  g = ${flushedWgsl('g')};
  let squared = select(g, 0.0, abs(g) < ${smallestSquared});
  square = p.alpha * square + p.rest * squared * squared;
  square = ${flushedWgsl('square')};`;

const stepWgsl = `
  velocity = p.momentum * velocity + g / (deviation + p.epsilon);
  velocity = ${flushedWgsl('velocity')};
  w -= p.rate * velocity;`;

const plain = defineUpdate({
  name: 'rmsprop',
  slots: ['square', 'velocity'],
  numbers: numberNames,
  scalar: (p) => (values) => {
    const [w, , , v] = values;
    const { gradient, square } = squareOf(p, values);
    const velocity = flushed(p.momentum * v + gradient / (Math.sqrt(square) + p.epsilon));
    return [w - p.rate * velocity, square, velocity];
  },
  lanes: (p) => {
    const limits = flushLimits();
    return (values) => {
      const [w, , , v] = values;
      const { gradient, square } = squareOfLanes(p, limits, values);
      const step = p.momentum.mul(v).add(gradient.div(square.sqrt().add(p.epsilon)));
      const velocity = f32x4.variable(flushedLanes(step, limits.tiny), 'velocity');
      return [w.sub(velocity.mul(p.rate)), square, velocity];
    };
  },
  wgsl: `${squareWgsl}
  let deviation = sqrt(square);${stepWgsl}`,
});

const centered = defineUpdate({
  name: 'centeredRmsprop',
  slots: ['square', 'velocity', 'mean'],
  numbers: numberNames,
  scalar: (p) => (values) => {
    const [w, , , v, m] = values;
    const { gradient, square } = squareOf(p, values);
    const mean = flushed(p.alpha * m + p.rest * gradient);
    const deviation = Math.sqrt(Math.max(square - flushed(mean, smallestSquared) ** 2, 0));
    const velocity = flushed(p.momentum * v + gradient / (deviation + p.epsilon));
    return [w - p.rate * velocity, square, velocity, mean];
  },
  lanes: (p) => {
    const limits = flushLimits();
    return (values) => {
      const [w, , , v, m] = values;
      const { gradient, square } = squareOfLanes(p, limits, values);
      const mean = f32x4.variable(flushedLanes(p.alpha.mul(m).add(p.rest.mul(gradient)), limits.tiny), 'mean');
      const known = f32x4.variable(flushedLanes(mean, limits.tinySquared), 'known');
      const deviation = square.sub(known.mul(known)).max(f32x4.const(0)).sqrt();
      const step = p.momentum.mul(v).add(gradient.div(deviation.add(p.epsilon)));
      const velocity = f32x4.variable(flushedLanes(step, limits.tiny), 'velocity');
      return [w.sub(velocity.mul(p.rate)), square, velocity, mean];
    };
  },
  wgsl: `${squareWgsl}
  mean = p.alpha * mean + p.rest * g;
  mean = ${flushedWgsl('mean')};
  let known = select(mean, 0.0, abs(mean) < ${smallestSquared});
  let deviation = sqrt(max(square - known * known, 0.0));${stepWgsl}`,
});
