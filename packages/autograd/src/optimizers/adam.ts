import { applyInto, checkNumber, defineOp, shown, type Tensor } from '@mobinet/tensor';
import { flushed } from '@mobinet/tensor/kernels';
import { decayRange, epsilonRange } from '../ranges.js';
import { adamKernel, smallestSquared } from './adam.wasm.js';
import { Optimizer, type Update, type WeightDecayOptions } from './optimizer.js';
import { adamOnGpu } from './update.wgsl.js';

export interface AdamOptions extends WeightDecayOptions {
  /** η, 0 or more. Default 0.001. */
  learningRate?: number;
  /** How much of the running means is kept at each step, from 0 to below 1. Default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** ε, above 0. Default 1e-8. */
  epsilon?: number;
}

/**
 * Adam (Kingma & Ba, 2015): w ← w − η·m̂ / (√v̂ + ε), where m̂ and v̂ are running means of the gradient and of its square,
 * corrected for their start at 0. Weight decay λ·w is added to the gradient (L2). Tiny gradients and means are flushed to 0.
 */
export class Adam extends Optimizer {
  readonly #betas: readonly [number, number];
  readonly #epsilon: number;
  /** AdamW: decay acts on the weight itself, beside the adaptive step. */
  protected readonly decoupled: boolean = false;

  constructor({ learningRate = 1e-3, betas = [0.9, 0.999], epsilon = 1e-8, ...decay }: AdamOptions = {}) {
    super(learningRate, decay);
    if (!Array.isArray(betas) || betas.length !== 2) {
      throw new RangeError(`adam: betas must be two numbers, not ${shown(betas)}`);
    }
    this.#betas = [
      checkNumber('adam: betas[0]', betas[0], decayRange),
      checkNumber('adam: betas[1]', betas[1], decayRange),
    ];
    this.#epsilon = checkNumber('adam: epsilon', epsilon, epsilonRange);
  }

  protected override updateAll(updates: readonly Update[]): void {
    const tensors = updates.map(({ path, parameter, gradient }) => [
      parameter,
      gradient,
      this.slot('mean', path, parameter),
      this.slot('square', path, parameter),
    ]);
    const written = tensors.map(([parameter, , mean, square]) => [parameter, mean, square]);
    applyInto(adamOp, tensors.flat(), written.flat(), {
      learningRate: this.learningRate,
      betas: this.#betas,
      epsilon: this.#epsilon,
      step: this.step,
      decoupled: this.decoupled,
      decays: updates.map(({ path, parameter }) => this.weightDecayFor(path, parameter)),
    });
  }
}

/** Adam with decoupled weight decay: w shrinks by η·λ·w each step (Loshchilov & Hutter, 2019). */
export class AdamW extends Adam {
  protected override readonly decoupled = true;

  constructor({ weightDecay = 1e-2, ...options }: AdamOptions = {}) {
    super({ weightDecay, ...options });
  }
}

interface AdamAttributes {
  readonly learningRate: number;
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  /** 1 at the first update. */
  readonly step: number;
  readonly decoupled: boolean;
  /** λ of each parameter. */
  readonly decays: readonly number[];
}

/** All parameters at once: four tensors go in for each (parameter, gradient, mean, square), three come out. */
const adamOp = defineOp<readonly Tensor[], readonly Tensor[], AdamAttributes>({
  name: 'adam',
  outputs: (inputs) => inputs.filter((_, index) => index % 4 !== 1),
  reference(inputs, outputs, { learningRate, betas: [beta1, beta2], epsilon, step, decoupled, decays }) {
    const meanCorrection = 1 - beta1 ** step;
    const squareCorrection = 1 - beta2 ** step;
    decays.forEach((decay, index) => {
      const [w, g, m, v] = inputs.slice(4 * index, 4 * index + 4).map(({ values }) => values);
      const [w2, m2, v2] = outputs.slice(3 * index, 3 * index + 3).map(({ values }) => values);
      const [gradientDecay, weightDecay] = decoupled ? [0, decay] : [decay, 0];
      for (let i = 0; i < w.length; i++) {
        const gradient = flushed(g[i] + gradientDecay * w[i]);
        const mean = flushed(beta1 * m[i] + (1 - beta1) * gradient);
        const square = flushed(beta2 * v[i] + (1 - beta2) * flushed(gradient, smallestSquared) ** 2);
        m2[i] = mean;
        v2[i] = square;
        const adaptive = mean / meanCorrection / (Math.sqrt(square / squareCorrection) + epsilon);
        w2[i] = w[i] - learningRate * (adaptive + weightDecay * w[i]);
      }
    });
  },
  fast(inputs, _, { learningRate: rate, betas: [beta1, beta2], epsilon, step, decoupled, decays }) {
    const updates = decays.map((decay, index) => ({
      tensors: inputs.slice(4 * index, 4 * index + 4),
      ...(decoupled ? { weightDecay: decay } : { gradientDecay: decay }),
    }));
    adamKernel.run(updates, { rate, epsilon, ...momentNumbers(beta1, beta2, step) });
  },
  webgpu(inputs, _, { learningRate: rate, betas: [beta1, beta2], epsilon, step, decoupled, decays }) {
    const numbers = { rate, epsilon, ...momentNumbers(beta1, beta2, step) };
    decays.forEach((decay, index) => {
      const own = decoupled ? { weightDecay: decay } : { gradientDecay: decay };
      adamOnGpu(inputs.slice(4 * index, 4 * index + 4), numbers, own);
    });
  },
});

/** β, 1 − β and 1/(1 − βᵗ) of both moments. */
function momentNumbers(beta1: number, beta2: number, step: number) {
  const [meanCorrection, squareCorrection] = [1 / (1 - beta1 ** step), 1 / (1 - beta2 ** step)];
  return { beta1, rest1: 1 - beta1, beta2, rest2: 1 - beta2, meanCorrection, squareCorrection };
}
