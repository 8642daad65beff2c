import { applyInto, defineOp, type Tensor } from '@mobinet/tensor';
import { Optimizer, smallestMoment, type WeightDecayOptions } from './optimizer.js';

export interface AdamOptions extends WeightDecayOptions {
  learningRate?: number;
  betas?: readonly [number, number];
  epsilon?: number;
}

/**
 * Adam (Kingma & Ba, 2015): w ← w − η·m̂ / (√v̂ + ε), where m̂ and v̂ are running means of the gradient and of its square,
 * corrected for their start at 0. Weight decay λ·w is added to the gradient (L2).
 */
export class Adam extends Optimizer {
  readonly #betas: readonly [number, number];
  readonly #epsilon: number;
  /** AdamW: decay acts on the weight itself, beside the adaptive step. */
  protected readonly decoupled: boolean = false;

  constructor({ learningRate = 1e-3, betas = [0.9, 0.999], epsilon = 1e-8, ...decay }: AdamOptions = {}) {
    super(learningRate, decay);
    this.#betas = betas;
    this.#epsilon = epsilon;
  }

  protected override updateOne(path: string, parameter: Tensor, gradient: Tensor): void {
    const mean = this.slot('mean', path, parameter);
    const square = this.slot('square', path, parameter);
    const decay = this.weightDecayFor(path, parameter);
    applyInto(adamOp, [parameter, gradient, mean, square], [parameter, mean, square], {
      learningRate: this.learningRate,
      betas: this.#betas,
      epsilon: this.#epsilon,
      step: this.step,
      gradientDecay: this.decoupled ? 0 : decay,
      weightDecay: this.decoupled ? decay : 0,
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
  readonly gradientDecay: number;
  readonly weightDecay: number;
}

const adamOp = defineOp<[Tensor, Tensor, Tensor, Tensor], [Tensor, Tensor, Tensor], AdamAttributes>({
  name: 'adam',
  outputs: ([parameter]) => [parameter, parameter, parameter],
  reference(
    [{ values: w }, { values: g }, { values: m }, { values: v }],
    [{ values: w2 }, { values: m2 }, { values: v2 }],
    { learningRate, betas: [beta1, beta2], epsilon, step, gradientDecay, weightDecay },
  ) {
    const meanCorrection = 1 - beta1 ** step;
    const squareCorrection = 1 - beta2 ** step;
    for (let i = 0; i < w.length; i++) {
      const gradient = g[i] + gradientDecay * w[i];
      const mean = beta1 * m[i] + (1 - beta1) * gradient;
      const square = beta2 * v[i] + (1 - beta2) * gradient * gradient;
      m2[i] = Math.abs(mean) < smallestMoment ? 0 : mean;
      v2[i] = square < smallestMoment ? 0 : square;
      const adaptive = mean / meanCorrection / (Math.sqrt(square / squareCorrection) + epsilon);
      w2[i] = w[i] - learningRate * (adaptive + weightDecay * w[i]);
    }
  },
});
